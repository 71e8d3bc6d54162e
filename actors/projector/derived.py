"""What is derived from entries, and how an entry that nothing can be derived from is set aside."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec
from pydantic import JsonValue, ValidationError

from actors import errors
from actors.analytics.happening import Happened, Happening
from actors.events.contract import LiveEvent
from actors.journal.contract import Entry
from actors.protocol.redaction import redact
from actors.records import Change, How, SetAside
from actors.records.models import Record

log = logging.getLogger("lumilink.projector")

MOST_ID_CHARS: Final = 200
POISON: Final = (
    errors.LumiLinkError,
    msgspec.MsgspecError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""What an entry that is not as it should be may lead to. None of it may stop a stream."""


@dataclass(slots=True)
class Derived:
    """Records to be written, entries set aside, and events to be posted once the records are there.

    ``happened`` is what other systems are told, where there is one to tell.

    ``moments`` are those of the entries whose records are among these, epoch milliseconds.
    """

    changes: list[Change] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)
    events: list[LiveEvent] = field(default_factory=list)
    moments: list[int] = field(default_factory=list)
    happened: list[Happening] = field(default_factory=list)

    def put(self, seq: int, record: Record, how: How = How.REPLACE) -> None:
        """A record that the entry ``seq`` tells of."""
        self.changes.append(Change(seq, record, how))

    def note(
        self,
        entry: Entry,
        what: Happened,
        data: dict[str, JsonValue],
        workspace_id: str = "",
        session_id: str = "",
    ) -> None:
        """Something that an entry tells, of a workspace, or of one of its sessions."""
        self.happened.append(Happening(entry.seq, what, entry.at, data, workspace_id, session_id))

    def attempt(self, entry: Entry, derive: Callable[[], None]) -> None:
        """Derive what an entry says; where that fails, all that it had come to so far is left out."""
        changes, events, happened = len(self.changes), len(self.events), len(self.happened)
        try:
            derive()
        except POISON as error:
            del self.changes[changes:]
            del self.events[events:]
            del self.happened[happened:]
            self.set_aside(entry, error)

    def set_aside(self, entry: Entry, error: BaseException) -> None:
        """Nothing can be made of an entry."""
        self.aside.append(SetAside(entry.seq, entry.kind, reason_of(error), moment(entry.at)))
        log.warning("%s, entry %d is set aside: %s", entry.stream, entry.seq, type(error).__name__)


def reason_of(error: BaseException) -> str:
    """Why an entry was set aside, without anything of what it says."""
    name = type(error).__name__
    if isinstance(error, errors.LumiLinkError):
        return f"{name}: {redact(error.detail)}"[:1000]
    if isinstance(error, ValidationError):
        wrong = {".".join(str(part) for part in one["loc"]) for one in error.errors(include_input=False)}
        return f"{name}: {error.title}: {', '.join(sorted(wrong))}"[:1000]
    return name


def moment(at: int) -> datetime:
    """Epoch milliseconds as records have them; before 1970-01-02 there is none."""
    return datetime.fromtimestamp(max(at, 86_400_000) / 1000, UTC)


def identifier(text: str) -> str:
    """An id as records take it: one that is too long, or has control characters, stands by its digest."""
    if text and len(text) <= MOST_ID_CHARS and text.isprintable():
        return text
    return f"sha256-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"


def note_in(payload: bytes) -> bytes:
    """The message of an entry that may begin with a line that says whom it concerns."""
    return payload if payload[:1] == b"{" else payload.partition(b"\n")[2]
