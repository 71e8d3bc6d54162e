"""An ACP client over streamable HTTP. It comes back with the id of the last event of its stream."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from http.client import HTTPException
from typing import ClassVar, Final

import gevent
from gevent import Greenlet
from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPSocketPoolResponse

from loadtests.locust.messages import problem_code
from loadtests.locust.peer import CONNECTION_LOST, DEADLINE_S, AcpPeer, Asked, FailedError
from loadtests.wire import Orders

_PATH: Final = "/acp"
_CONNECTION_ID: Final = "Acp-Connection-Id"
_SESSION_ID: Final = "Acp-Session-Id"
_SILENT_S: Final = 60.0
_CONNECTIONS: Final = 4
_ON_SESSION: Final = frozenset({"session/prompt", "session/close", "session/cancel"})


class EventStream:
    """One GET that is read until it ends or is dropped. ``last_id`` is that of the newest event."""

    def __init__(self, response: HTTPSocketPoolResponse, peer: StreamPeer, last_id: str = "") -> None:
        self.last_id = last_id
        self._response = response
        self._peer = peer
        self._dropped = False
        self._reader: Greenlet[..., None] = gevent.spawn(self._read)
        peer.watch(self._reader)

    def drop(self) -> None:
        """Stop reading, and close the connection under it."""
        self._dropped = True
        self._response.release()
        self._reader.join(DEADLINE_S)

    def _read(self) -> None:
        # How it ended does not matter: whether it was to end does.
        with contextlib.suppress(HTTPException, OSError):
            self._read_events()
        if not self._dropped:
            self._peer.lose()

    def _read_events(self) -> None:
        event_id = ""
        while line := self._response.readline(b"\n"):
            if line.startswith(b"data:"):
                # Noted with its event: an id whose event did not arrive is none.
                self.last_id = event_id or self.last_id
                self._peer.take(line[5:])
            elif line.startswith(b"id:"):
                event_id = line[3:].strip().decode()


class StreamPeer(AcpPeer):
    """POSTs, and two streams: the connection's, and that of the session."""

    via: ClassVar[str] = "sse"
    _http: HTTPClient | None = None
    _connection_id = ""
    _connection: EventStream | None = None
    _session: EventStream | None = None
    _last_id = ""

    def open(self) -> None:
        """``initialize``, which is answered at once, and the connection's stream."""
        self._http = HTTPClient.from_url(
            self.place.url,
            headers=self.place.headers(),
            concurrency=_CONNECTIONS,
            connection_timeout=DEADLINE_S,
            network_timeout=_SILENT_S,
        )
        self.initialize()
        self._connection = self._listen()

    def new_session(self, cwd: str) -> None:
        """``session/new``, and the session's stream."""
        super().new_session(cwd)
        self._session = self._listen(self.session_id)

    def send(self, payload: bytes, method: str) -> None:
        """POST a message; an answer in the response is taken as if it came on a stream."""
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        named = self.session_id if method in _ON_SESSION else ""
        with self._request("POST", {**headers, **self._names(named)}, payload) as answer:
            if answer.status_code not in (200, 202):
                raise FailedError(problem_code(answer.read(), answer.status_code))
            self._connection_id = self._connection_id or str(answer.get(_CONNECTION_ID, ""))
            body = answer.read()
        if body:
            self.take(body)

    def hang_up(self) -> None:
        """Lose the session's stream; the connection stays."""
        session, self._session = self._session, None
        if session is not None:
            session.drop()
            self._last_id = session.last_id

    def come_back(self) -> None:
        """Open the session's stream again where it was lost."""
        self.returned()
        self._session = self._listen(self.session_id, self._last_id)

    def rejoin(self, turn: Asked, prompt_id: str, orders: Orders) -> Asked:
        """The answer comes on the stream, as it would have."""
        return turn

    def leave(self) -> None:
        """Drop the streams and end the connection."""
        for stream in (self._session, self._connection):
            if stream is not None:
                stream.drop()
        self._session = self._connection = None
        self.give_up()
        if self._http is None:
            return
        if self._connection_id:
            with self.timed("DELETE"), self._request("DELETE", self._names()) as answer:
                answer.read()
        self._http.close()

    # ------------------------------------------------------------------ within

    def _listen(self, session_id: str = "", after: str = "") -> EventStream:
        """Open a stream: the session's, or the connection's if none is named."""
        headers = {"Accept": "text/event-stream", **self._names(session_id)}
        if after:
            headers["Last-Event-ID"] = after
        with self.timed("session stream" if session_id else "connection stream"):
            answer = self._request("GET", headers)
            if answer.status_code != 200:
                raise FailedError(problem_code(answer.read(), answer.status_code))
        return EventStream(answer, self, after)

    def _request(
        self, method: str, headers: Mapping[str, str], payload: bytes = b""
    ) -> HTTPSocketPoolResponse:
        if self._http is None:
            raise FailedError(CONNECTION_LOST)
        try:
            return self._http.request(method, _PATH, payload, dict(headers))
        except (HTTPException, OSError) as error:
            raise FailedError(type(error).__name__) from None

    def _names(self, session_id: str = "") -> dict[str, str]:
        named = {_CONNECTION_ID: self._connection_id, _SESSION_ID: session_id}
        return {name: value for name, value in named.items() if value}
