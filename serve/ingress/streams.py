"""The way to an HTTP client: a stream for its connection, and one for each session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from actors import errors
from actors.protocol import compose
from actors.protocol.methods import ATTACHED
from serve.ingress.event_stream import ConnectionStream
from serve.ingress.resume_tokens import Position
from serve.ingress.session_stream import Rewind, SessionStream
from serve.ingress.views import SessionView

Sign = Callable[[Position], bytes]


class StreamOutlet:
    """``signer`` makes what makes the ids of a session's events; ``rewind`` lets a view go back."""

    def __init__(self, signer: Callable[[str], Sign], rewind: Rewind) -> None:
        self.connection = ConnectionStream()
        self._signer = signer
        self._rewind = rewind
        self._sessions: dict[str, SessionStream] = {}
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
            self.connection.put(message)

    def to_session(self, view: SessionView, message: bytes, seq: int) -> None:
        """A message on a session's stream."""
        self.session(view.session_id).put(message, view, seq)

    def answered(self, view: SessionView, answer: bytes) -> None:
        """The answer to a request, on the session's stream."""
        self.session(view.session_id).put_answer(answer, view)

    def opened(self, view: SessionView, answer: bytes) -> None:
        """The answer on the connection's stream, and the session's name if nothing there tells it.

        Some clients open a session's stream when they are first told its name, and the answers to load
        and resume have none.
        """
        self.connection.put(answer)
        stream = self.session(view.session_id)
        if not stream.is_read and view.session_id.encode() not in answer:
            self.connection.put(compose.notification(ATTACHED, {"sessionId": view.session_id}))
        stream.opened(view)

    def session(self, session_id: str) -> SessionStream:
        """A session's stream, made when it is first needed."""
        stream = self._sessions.get(session_id)
        if stream is None:
            stream = self._sessions[session_id] = SessionStream(self._signer(session_id), self._rewind)
        return stream

    def shows_all_of(self, session_id: str) -> None:
        """The client asks for a whole session, wherever its stream was to begin."""
        stream = self._sessions.get(session_id)
        if stream is not None:
            stream.forget_position()

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
