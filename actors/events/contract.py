"""What the feed is made of, and where it is kept: one journal stream an installation."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote

import msgspec
from msgspec import Raw, Struct

from actors.errors import FrameTooLargeError
from actors.journal.contract import Entry

PREFIX: Final = "!events/"
"""Begins the streams of feeds. Those of sessions begin with a quoted name, which never has a ``!``."""
MAX_DATA_BYTES: Final = 32 * 1024
MAX_TOAST: Final = 140
TOAST: Final = "toast"


class LiveEvent(Struct, frozen=True):
    """Something that happened, to be told to an installation.

    ``id`` is its own: an event that is posted twice under one id is in the feed once. ``data`` is JSON,
    ``at`` epoch milliseconds. Of one that is a ``copy`` no channel tells: it was told elsewhere.
    """

    id: str
    installation: str
    name: str
    data: bytes
    at: int
    copy: bool = False


class FeedEvent(Struct, frozen=True, gc=False):
    """An event in the feed; ``data`` is JSON."""

    seq: int
    name: str
    data: bytes


class FeedPage(Struct, frozen=True):
    """Events after ``after_seq``, and where the feed stands; see ``actors.journal.contract.Page``.

    A feed that was never written has the epoch "" and ``last_seq`` 0.
    """

    after_seq: int
    events: list[FeedEvent]
    first_kept: int
    last_seq: int
    epoch: str

    @property
    def gap(self) -> bool:
        """Whether events after ``after_seq`` are not kept any more."""
        return self.first_kept > self.after_seq + 1


class _Stored(Struct, frozen=True, gc=False):
    id: str
    data: Raw


_decoder: Final = msgspec.json.Decoder(_Stored)


def live_event(name: str, installation: str, data: object, at: int, event_id: str = "") -> LiveEvent:
    """An event with ``data`` as JSON. Raises FrameTooLargeError over 32 KiB of it."""
    encoded = msgspec.json.encode(data)
    if len(encoded) > MAX_DATA_BYTES:
        raise FrameTooLargeError(f"the data of {name}: expected at most {MAX_DATA_BYTES} bytes")
    return LiveEvent(event_id or uuid.uuid4().hex, installation, name, encoded, at)


def toast(
    installation: str, message: str, data: Mapping[str, object], at: int, event_id: str = ""
) -> LiveEvent:
    """A short message that a page shows at once; over 140 characters it is cut."""
    if len(message) > MAX_TOAST:
        message = f"{message[: MAX_TOAST - 1]}…"
    told = {"message": message, **data, "timestamp": timestamp(at)}
    return live_event(TOAST, installation, told, at, event_id)


def timestamp(at: int) -> str:
    """Epoch milliseconds as the wire has them: ISO 8601, UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stored(event: LiveEvent) -> bytes:
    """The payload of the event's entry."""
    return msgspec.json.encode(_Stored(event.id, Raw(event.data)))


def id_of(entry: Entry) -> str:
    """The id of the event in an entry."""
    return _decoder.decode(entry.payload).id


def from_entry(entry: Entry) -> FeedEvent:
    """The event in an entry."""
    return FeedEvent(entry.seq, entry.kind, bytes(_decoder.decode(entry.payload).data))


def stream_of(installation: str) -> str:
    """The stream of an installation's feed, which is also the workspace that its writer holds."""
    return PREFIX + quote(installation, safe="")


def installation_of(stream: str) -> str:
    """Whose feed a stream is."""
    return unquote(stream.removeprefix(PREFIX))
