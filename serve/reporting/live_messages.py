"""What clients of live events are sent, over WebSocket and as server-sent events alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw, Struct

from actors import errors
from actors.events.contract import FeedEvent, timestamp
from actors.journal.clock import epoch_ms
from serve.reporting.feed_follower import Batch, Position

CONNECTED: Final = "system:connected"
POSITION: Final = "system:position"
GAP: Final = "system:gap"
ERROR: Final = "system:error"
RESUME: Final = "resume"


class LiveMessage(Struct, frozen=True, omit_defaults=True):
    """One message; ``cursor`` is where a client that has seen it goes on."""

    event: str
    data: Raw
    cursor: str | None = None

    def text(self) -> str:
        """As JSON on one line."""
        # Line ends between JSON's tokens are mere white space; in a server-sent event they would end it.
        return msgspec.json.encode(self).decode().replace("\r", " ").replace("\n", " ")


class _ResumeData(Struct, frozen=True):
    cursor: str


class _FromClient(Struct, frozen=True):
    event: str
    data: Raw = Raw(b"null")


def connected() -> LiveMessage:
    """The first message."""
    return _of_ours(CONNECTED)


def at_position(position: Position) -> LiveMessage:
    """Where the feed stood when a client without a cursor came."""
    return _of_ours(POSITION, str(position))


def failed(error: errors.LumiLinkError) -> LiveMessage:
    """The client's message was not followed."""
    data = {"message": error.detail, **error.data()}
    return LiveMessage(ERROR, Raw(msgspec.json.encode(data)))


def messages_of(batch: Batch) -> Iterator[LiveMessage]:
    """The events of a batch, after word of a gap if there is one before them."""
    epoch = batch.after.epoch
    if batch.lost:
        first = batch.events[0].seq - 1 if batch.events else batch.after.seq
        yield _of_ours(GAP, str(Position(epoch, first)))
    for event in batch.events:
        yield _of_feed(event, epoch)


def resumed_at(text: str) -> Position | None:
    """The position that a client's message asks for; None if it is another message.

    Raises ParseError for what is not JSON, InvalidParamsError for a cursor that is none of ours.
    """
    try:
        message = msgspec.json.decode(text, type=_FromClient)
        return Position.parse(_cursor_in(message)) if message.event == RESUME else None
    except msgspec.ValidationError:
        return None
    except msgspec.DecodeError:
        raise errors.ParseError("not JSON") from None


def _cursor_in(message: _FromClient) -> str:
    try:
        return msgspec.json.decode(message.data, type=_ResumeData).cursor
    except msgspec.DecodeError:
        raise errors.InvalidParamsError('expected {"event":"resume","data":{"cursor":…}}') from None


def _of_feed(event: FeedEvent, epoch: str) -> LiveMessage:
    return LiveMessage(event.name, Raw(event.data), str(Position(epoch, event.seq)))


def _of_ours(event: str, cursor: str | None = None) -> LiveMessage:
    data = msgspec.json.encode({"timestamp": timestamp(epoch_ms())})
    return LiveMessage(event, Raw(data), cursor)
