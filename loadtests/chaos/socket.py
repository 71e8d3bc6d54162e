"""One WebSocket of a client to the gateway, for as long as it lasts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from actors.errors import LinkBrokenError
from loadtests.wire import request

_LOG: Final = logging.LoggerAdapter(logging.getLogger(__name__), {})
_PING_AFTER_S: Final = 15.0
_READ_BUFFER_BYTES: Final = 1024


class ClientFrame(msgspec.Struct):
    """Any message of the gateway, read as far as a client needs it."""

    id: int | str | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw(b"{}")
    result: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")

    def answer(self) -> dict[str, object]:
        """Of an answer, the result or the error under its name."""
        name, told = ("error", self.error) if bytes(self.error) else ("result", self.result)
        return {name: msgspec.json.decode(told)}


_decode: Final = msgspec.json.Decoder(ClientFrame).decode

OnAnswer = Callable[[ClientFrame], None]


class SocketOwner(Protocol):
    """Who uses the socket."""

    def take(self, socket: ClientSocket, message: ClientFrame, payload: bytes) -> None:
        """A notification or a request of the gateway."""

    def lost(self, socket: ClientSocket) -> None:
        """The socket is closed, by whomever."""


def ignored(_: ClientFrame) -> None:
    """The answer is enough for whoever waits for it."""


class ClientSocket(WSListener):
    """A socket that ``open`` opens, once."""

    def __init__(self, owner: SocketOwner) -> None:
        self.connection_id = ""
        self._owner = owner
        self._transport: WSTransport | None = None
        self._asked: dict[int | str | None, tuple[asyncio.Future[ClientFrame], OnAnswer]] = {}

    async def open(self, url: str) -> None:
        """Connect; the caller sets the deadline. Raises WSError or OSError."""
        await ws_connect(
            lambda: self,
            url,
            logger_name=_LOG,
            websocket_handshake_timeout=None,
            read_buffer_init_size=_READ_BUFFER_BYTES,
            enable_auto_ping=True,
            auto_ping_idle_timeout=_PING_AFTER_S,
            auto_ping_reply_timeout=_PING_AFTER_S,
        )

    @property
    def is_open(self) -> bool:
        """Whether what is sent may arrive."""
        return self._transport is not None

    def ask(
        self, number: int, method: str, params: object, told: OnAnswer = ignored
    ) -> asyncio.Future[ClientFrame]:
        """Send a request under the id ``number``; the future holds its answer, or LinkBrokenError.

        ``told`` gets the answer before anything else that comes.
        """
        answer: asyncio.Future[ClientFrame] = asyncio.get_running_loop().create_future()
        if self._transport is None:
            answer.set_exception(LinkBrokenError("the socket is closed"))
        else:
            self._asked[number] = (answer, told)
            self._transport.send(WSMsgType.TEXT, request(number, method, params))
        return answer

    def send(self, payload: bytes) -> None:
        """Send a message that has no answer; nothing where the socket is closed."""
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, payload)

    def close(self) -> None:
        """End it at once, as a client does that is gone."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    # ------------------------------------------------------------------ WSListener

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Called by picows once the socket is open."""
        self._transport = transport
        self.connection_id = transport.response.headers.get("Acp-Connection-Id", "")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Called by picows once the socket is closed: what waits for an answer waits in vain."""
        self._transport = None
        asked, self._asked = self._asked, {}
        for answer, _ in asked.values():
            if not answer.done():
                answer.set_exception(LinkBrokenError("the socket was lost while an answer was awaited"))
                # Whoever was cancelled meanwhile does not look at it.
                answer.exception()
        self._owner.lost(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take one message."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        if frame.msg_type != WSMsgType.TEXT:
            return
        payload = frame.get_payload_as_bytes()
        message = _decode(payload)
        if message.method is not None:
            self._owner.take(self, message, payload)
            return
        answer, told = self._asked.pop(message.id, (None, ignored))
        if answer is not None and not answer.done():
            told(message)
            answer.set_result(message)
