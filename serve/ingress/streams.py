"""The server-sent event streams of one HTTP connection.

A stream keeps what is for its client until a GET takes it; how much a session's stream can hold is bounded
by its window, what the connection's can hold by ``MAX_WAITING``. A second GET of the same stream takes it
over: the first was most likely lost without its server noticing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from starlette.responses import StreamingResponse

from actors import errors
from actors.protocol import compose
from serve.ingress.views import SessionView

MAX_WAITING = 4096
ATTACHED = "_lumilink/session/attached"
KEEPALIVE = b": keep-alive\n\n"


class EventStream:
    """Messages for one GET stream, in order."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[bytes, SessionView | None]] = deque()
        self._filled = asyncio.Event()
        self._reader = 0
        self._reading = False
        self._closed = False

    @property
    def is_read(self) -> bool:
        """Whether a GET is open on it."""
        return self._reading

    def put(self, message: bytes, view: SessionView | None) -> None:
        """Keep a message for the client. Messages of the connection over the limit end the stream."""
        if view is None and len(self._waiting) >= MAX_WAITING:
            self.close()
            return
        self._waiting.append((message, view))
        self._filled.set()

    def close(self) -> None:
        """End the stream, and any GET that is open on it."""
        self._closed = True
        self._filled.set()

    async def events(self, keepalive_s: float) -> AsyncIterator[bytes]:
        """Server-sent events for one GET, until the stream is closed or taken over."""
        self._reader += 1
        reader = self._reader
        self._reading = True
        self._filled.set()
        try:
            while reader == self._reader and not self._closed:
                if self._waiting:
                    yield self._take()
                    continue
                self._filled.clear()
                try:
                    async with asyncio.timeout(keepalive_s):
                        await self._filled.wait()
                except TimeoutError:
                    yield KEEPALIVE
        finally:
            if reader == self._reader:
                self._reading = False

    def _take(self) -> bytes:
        """Everything that waits, as one chunk; the worker gets its credit."""
        chunk: list[bytes] = []
        while self._waiting:
            message, view = self._waiting.popleft()
            chunk += (b"data: ", on_one_line(message), b"\n\n")
            if view is not None:
                view.passed(len(message))
        return b"".join(chunk)


class StreamOutlet:
    """The outlet of an HTTP connection: one stream for itself, one for each session."""

    def __init__(self) -> None:
        self.connection = EventStream()
        self._sessions: dict[str, EventStream] = {}
        self._awaited: asyncio.Future[bytes] | None = None

    @property
    def session_count(self) -> int:
        """How many streams of sessions there are."""
        return len(self._sessions)

    def to_connection(self, message: bytes) -> None:
        """A message on the connection's stream, or the answer that a POST itself waits for."""
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(message)
        else:
            self.connection.put(message, None)

    def to_session(self, view: SessionView, message: bytes) -> None:
        """A message on a session's stream."""
        self.session(view.session_id).put(message, view)

    def opened(self, view: SessionView, answer: bytes) -> None:
        """The answer on the connection's stream, and the session's name if nothing there tells it.

        Some clients open a session's stream when they are first told its name, and the answers to load
        and resume have none.
        """
        self.connection.put(answer, None)
        if not self.session(view.session_id).is_read and view.session_id.encode() not in answer:
            self.connection.put(compose.notification(ATTACHED, {"sessionId": view.session_id}), None)

    def session(self, session_id: str) -> EventStream:
        """A session's stream, made when it is first needed."""
        stream = self._sessions.get(session_id)
        if stream is None:
            stream = self._sessions[session_id] = EventStream()
        return stream

    def has_readers(self) -> bool:
        """Whether any GET is open."""
        return self.connection.is_read or any(stream.is_read for stream in self._sessions.values())

    async def answer_to(self, say: Callable[[], None]) -> bytes:
        """The first message that ``say`` leads to: how ``initialize`` is answered within its POST."""
        if self._awaited is not None:
            raise errors.InvalidRequestError("initialize is being answered already")
        self._awaited = asyncio.get_running_loop().create_future()
        try:
            say()
            return await self._awaited
        finally:
            self._awaited = None

    def close(self) -> None:
        """End every stream."""
        self.connection.close()
        for stream in self._sessions.values():
            stream.close()


def on_one_line(message: bytes) -> bytes:
    """The same JSON without line ends, which between its tokens are mere white space."""
    if b"\n" in message or b"\r" in message:
        return message.replace(b"\n", b" ").replace(b"\r", b" ")
    return message


def event_response(events: AsyncIterator[bytes]) -> StreamingResponse:
    """The response to a GET. The headers keep proxies from buffering it."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)
