"""An ACP client over WebSocket. It comes back on a new socket, by its cursor."""

from __future__ import annotations

import contextlib
from typing import ClassVar, Final

import gevent
from gevent import Greenlet
from websocket import ABNF, WebSocket, WebSocketException, WebSocketTimeoutException, create_connection

from loadtests.locust.peer import CONNECTION_LOST, DEADLINE_S, AcpPeer, Asked, FailedError
from loadtests.wire import Orders

_SILENT_S: Final = 60.0


class SocketPeer(AcpPeer):
    """One socket at a time, read by a greenlet of its own for as long as it lasts."""

    via: ClassVar[str] = "ws"
    _socket: WebSocket | None = None
    _reader: Greenlet[..., None] | None = None

    def open(self) -> None:
        """Connect and initialize."""
        with self.timed("connect"):
            self._connect()
        self.initialize()

    def send(self, payload: bytes, method: str) -> None:
        """Send a text frame."""
        if self._socket is None:
            raise FailedError(CONNECTION_LOST)
        try:
            self._socket.send(payload, ABNF.OPCODE_TEXT)
        except (WebSocketException, OSError):
            raise FailedError(CONNECTION_LOST) from None

    def hang_up(self) -> None:
        """Close the socket without a close frame."""
        socket, self._socket = self._socket, None
        self.give_up()
        if socket is not None:
            socket.shutdown()  # type: ignore[no-untyped-call] # the library's
        if self._reader is not None:
            self._reader.join(DEADLINE_S)

    def come_back(self) -> None:
        """Attach on a new socket after the last event that was seen."""
        self.open()
        self.returned()
        params = {"sessionId": self.session_id, "afterSeq": self.cursor.seq}
        self.ask("_lumilink/session/attach", params)

    def rejoin(self, turn: Asked, prompt_id: str, orders: Orders) -> Asked:
        """Ask for the prompt's outcome under its id: the turn runs once."""
        params = self._prompt(prompt_id, orders)
        return self.start("session/prompt", params)

    def leave(self) -> None:
        """As ``hang_up``: WebSocket's own farewell adds nothing."""
        self.hang_up()

    def _connect(self) -> None:
        url = f"{self.place.url.replace('http', 'ws', 1)}/acp"
        try:
            socket = create_connection(
                url,
                timeout=DEADLINE_S,
                header=self.place.headers(),
                suppress_origin=True,
                skip_utf8_validation=True,
            )
        except WebSocketException as error:
            raise FailedError(f"status-{getattr(error, 'status_code', 'none')}") from None
        except OSError as error:
            raise FailedError(type(error).__name__) from None
        socket.settimeout(_SILENT_S)
        self._socket = socket
        self._reader = gevent.spawn(self._read, socket)
        self.watch(self._reader)

    def _read(self, socket: WebSocket) -> None:
        # How it ended does not matter: whether it was to end does.
        with contextlib.suppress(WebSocketException, OSError):
            while self._read_one(socket):
                continue
        if self._socket is socket:
            self._socket = None
            self.lose()

    def _read_one(self, socket: WebSocket) -> bool:
        """Whether there may be more."""
        try:
            opcode, payload = socket.recv_data()
        except WebSocketTimeoutException:
            return True  # nothing came for a while; what was read of a frame is kept
        if opcode == ABNF.OPCODE_TEXT:
            self.take(payload)
        return bool(opcode != ABNF.OPCODE_CLOSE)
