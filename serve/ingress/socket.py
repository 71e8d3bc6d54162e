"""The short way to a client's WebSocket: from a link's frame to the socket without a coroutine.

In HAProxy mode the replica owns its clients' sockets, through uvicorn. Written by ASGI's ``send``, a message
passes four coroutines and two wrappers of Ray Serve and costs a system call of its own, 11 µs together.
``ClientSocket`` is uvicorn's own protocol class with one way more: messages written in one turn of the loop
leave in one ``write`` at its end. Pings, closing and reading stay uvicorn's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import uvicorn.config
from starlette.types import Scope, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from serve.ingress.views import SessionView

EXTENSION = "lumilink.socket"
MAX_QUEUED = 20_000
CLOSE_TRY_AGAIN_LATER = 1013

_FIN_TEXT = 0x81


class ClientSocket(WebSocketsSansIOProtocol):
    """A client's socket. It puts itself into the connection's ASGI scope, under ``extensions``."""

    def __init__(self, config: uvicorn.Config, *args: Any, **kwargs: Any) -> None:
        # Small frames gain nothing from deflate, and a compressor for each client costs memory.
        config.ws_per_message_deflate = False
        super().__init__(config, *args, **kwargs)
        self._out: list[bytes] = []
        self.on_writable: Callable[[], None] | None = None

    def handle_connect(self, event: Request) -> None:
        """Accept the handshake and let the application find this socket."""
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][EXTENSION] = {"socket": self}

    @property
    def is_congested(self) -> bool:
        """Whether the client does not take what was written."""
        return not self.writable.is_set()

    def write_text(self, message: bytes) -> None:
        """Write one text frame, at the end of this turn of the loop. Nothing happens on a closed socket."""
        if self.close_sent or self.disconnected:
            return
        if not self._out:
            if not _unflushed:
                self.loop.call_soon(_flush_all)
            _unflushed.append(self)
        self._out += (_header(len(message)), message)

    def flush(self) -> None:
        """Hand everything that was written to the transport."""
        if self._out and not self.transport.is_closing():
            self.transport.write(b"".join(self._out))
        self._out.clear()

    def resume_writing(self) -> None:
        """The client takes data again."""
        super().resume_writing()
        if self.on_writable is not None:
            self.on_writable()


# All sockets of the process that were written to in this turn of its one loop.
_unflushed: list[ClientSocket] = []


def _flush_all() -> None:
    for socket in _unflushed:
        socket.flush()
    _unflushed.clear()


def _header(size: int) -> bytes:
    """A server's frame header for a whole text message (RFC 6455, section 5.2)."""
    if size < 126:
        return bytes((_FIN_TEXT, size))
    if size < 65_536:
        return bytes((_FIN_TEXT, 126)) + size.to_bytes(2)
    return bytes((_FIN_TEXT, 127)) + size.to_bytes(8)


class DirectOutlet:
    """Writes to a ``ClientSocket`` while the client reads, and queues while it does not.

    What sessions can queue is bounded by their windows, what the connection can by ``MAX_QUEUED``.
    """

    def __init__(self, socket: ClientSocket) -> None:
        self._socket = socket
        self._queue: deque[tuple[bytes, SessionView | None]] = deque()
        self._overflowed = asyncio.Event()
        socket.on_writable = self._drain

    def to_connection(self, message: bytes) -> None:
        """A message of ours; a client that asks for more than it reads is cut off."""
        if not self._queue and not self._socket.is_congested:
            self._socket.write_text(message)
        elif len(self._queue) < MAX_QUEUED:
            self._queue.append((message, None))
        else:
            self._overflowed.set()

    def to_session(self, view: SessionView, message: bytes, seq: int) -> None:
        """A message of a session."""
        if self._queue or self._socket.is_congested:
            self._queue.append((message, view))
            return
        self._socket.write_text(message)
        view.passed(len(message))

    def answered(self, view: SessionView, answer: bytes) -> None:
        """An answer goes like any other message of its session."""
        self.to_session(view, answer, 0)

    def opened(self, view: SessionView, answer: bytes) -> None:
        """The answer goes like any other: there is one stream for all."""
        self.to_connection(answer)

    async def pump(self, send: Send) -> None:
        """Wait until the client has asked for too much without reading, and close the socket then."""
        await self._overflowed.wait()
        self._socket.flush()
        await send({"type": "websocket.close", "code": CLOSE_TRY_AGAIN_LATER, "reason": "slow consumer"})

    def _drain(self) -> None:
        while self._queue and not self._socket.is_congested:
            message, view = self._queue.popleft()
            self._socket.write_text(message)
            # Whether the client takes it shows only once it is in the transport.
            self._socket.flush()
            if view is not None:
                view.passed(len(message))


def install() -> None:
    """Let every uvicorn server that starts in this process from now on use ``ClientSocket``."""
    uvicorn.config.WS_PROTOCOLS["auto"] = f"{__name__}:ClientSocket"


def socket_of(scope: Scope) -> ClientSocket | None:
    """The client's socket; None where Ray Serve's proxy owns it."""
    found = scope.get("extensions", {}).get(EXTENSION, {}).get("socket")
    return found if isinstance(found, ClientSocket) else None
