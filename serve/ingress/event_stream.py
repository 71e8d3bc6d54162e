"""Server-sent events: what waits for a client's GET, and the GET that takes it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

MAX_WAITING = 4096
KEEPALIVE = b": keep-alive\n\n"


class EventStream(ABC):
    """Messages for one GET at a time, in order. They are kept until one takes them.

    A second GET takes the stream over: the first was most likely lost without its server noticing.
    """

    def __init__(self) -> None:
        self._filled = asyncio.Event()
        self._reader: EventReader | None = None
        self._reading = False
        self._closed = False

    @property
    def is_read(self) -> bool:
        """Whether a GET is open on it."""
        return self._reading

    def read(self) -> EventReader:
        """A GET takes the stream; from now on one that had it before gets nothing."""
        self._reader = EventReader(self)
        self._filled.set()
        return self._reader

    def close(self) -> None:
        """End the stream, and any GET that is open on it."""
        self._closed = True
        self._filled.set()

    @abstractmethod
    def _take(self) -> bytes:
        """Everything that waits, as one chunk; empty if nothing does."""

    # ------------------------------------------------------------------ for its reader

    def begin(self, reader: EventReader) -> None:
        """The GET has begun to read."""
        self._reading = self._reading or reader is self._reader

    def end(self, reader: EventReader) -> None:
        """The GET has ended."""
        if reader is self._reader:
            self._reading = False

    async def next(self, reader: EventReader, keepalive_s: float) -> bytes | None:
        """The next chunk; None if the stream is closed or another GET has it."""
        while reader is self._reader and not self._closed:
            chunk = self._take()
            if chunk:
                return chunk
            self._filled.clear()
            try:
                async with asyncio.timeout(keepalive_s):
                    await self._filled.wait()
            except TimeoutError:
                return KEEPALIVE
        return None


class EventReader:
    """One GET on a stream."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream

    async def events(self, keepalive_s: float) -> AsyncIterator[bytes]:
        """Server-sent events until the stream is closed or taken over."""
        self._stream.begin(self)
        try:
            while (chunk := await self._stream.next(self, keepalive_s)) is not None:
                yield chunk
        finally:
            self._stream.end(self)


class ConnectionStream(EventStream):
    """The stream of a connection itself. It holds at most ``MAX_WAITING`` messages, and ends then."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[bytes] = deque()

    def put(self, message: bytes) -> None:
        """Keep a message for the client."""
        if len(self._waiting) >= MAX_WAITING:
            self.close()
            return
        self._waiting.append(message)
        self._filled.set()

    def _take(self) -> bytes:
        chunk = b"".join(b"data: %s\n\n" % on_one_line(message) for message in self._waiting)
        self._waiting.clear()
        return chunk


def on_one_line(message: bytes) -> bytes:
    """The same JSON without line ends, which between its tokens are mere white space."""
    if b"\n" in message or b"\r" in message:
        return message.replace(b"\n", b" ").replace(b"\r", b" ")
    return message


def event_response(events: AsyncIterator[bytes]) -> StreamingResponse:
    """The response to a GET. The headers keep proxies from buffering it."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)
