"""What happens in a session, in order: the entries of its event stream.

An event is kept in the session's journal as an entry of its kind. The payload is the message; before it
stands, in a line of its own, the client that it concerns, for every kind but ``update``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from msgspec import Struct

from actors.journal.contract import Entry, NewEntry


class EventKind(StrEnum):
    """What an event is, and so which attachments are shown it."""

    UPDATE = "update"
    """A notification of the agent: shown to all."""
    PROMPT = "prompt"
    """What a client said, as an update: shown to all but the one that said it."""
    QUESTION = "question"
    """A request of the agent: asked of its audience."""
    DECISION = "decision"
    """A question needs no answer any more: told to those who were asked and did not answer it."""
    TURN_STARTED = "turn-started"
    """A prompt's turn has come. Shown to nobody."""
    ANSWERED = "answered"
    """The agent has ended it, and GitHub automation follows. Shown to nobody."""
    TURN_ENDED = "turn-ended"
    """What came of it. Shown to nobody; who asked is answered."""
    ACTIVATED = "activated"
    """A worker took the session on, under this fence. Shown to nobody."""
    NOTICE = "notice"
    """A disruption or a recovery: shown to all who are there."""
    CONNECTION = "connection"
    """The state of the link to the agent is another one; see ``chronicle.py``. Shown to nobody."""
    PROTOCOL = "protocol"
    """The session is carried otherwise from here on. Shown to nobody."""


NOBODY = "-"

_UPDATE: Final = EventKind.UPDATE.value


def all_but(client: str) -> str:
    """The audience of a decision that ``client`` made."""
    return f"!{client}"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who waits for an answer: a client's connection, and the id of its request, as JSON text."""

    client: str
    request_id: bytes


class Event(Struct, frozen=True, gc=False):
    """One entry. ``message`` is the JSON-RPC message as a client gets it, cursor included, or our note.

    ``seq`` counts from 1 without a hole within one epoch of the session's stream. ``concerns`` is the
    client that a PROMPT came from. Of a QUESTION or DECISION it says who is asked or told: that client alone,
    everyone (empty), NOBODY, or everyone ``all_but`` one.
    """

    seq: int
    kind: EventKind
    message: bytes
    concerns: str = ""


def to_entry(event: Event, at: int) -> NewEntry:
    """The event as the journal keeps it; ``at`` is epoch milliseconds."""
    if event.kind is EventKind.UPDATE:
        return NewEntry(_UPDATE, event.message, at)
    # A message is JSON in one line, and a client's id has no line break.
    return NewEntry(event.kind.value, b"%s\n%s" % (event.concerns.encode(), event.message), at)


def from_entry(entry: Entry) -> Event:
    """The event that an entry of a session's stream holds."""
    kind = EventKind(entry.kind)
    if kind is EventKind.UPDATE:
        return Event(entry.seq, kind, entry.payload)
    concerns, _, message = entry.payload.partition(b"\n")
    return Event(entry.seq, kind, message, concerns.decode())
