"""ACP over one WebSocket: every message is a text frame (remote-transport RFD, "WebSocket upgrade").

picows does the framing. It keeps its read buffer for the life of a connection, so the buffer starts small:
most agents are idle most of the time, and a worker holds a thousand of these links.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import logging
import ssl
from enum import Enum, auto
from typing import Final

from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSError,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)
from picows.picows import WSCloseHandshake, WSCloseInfo

from actors.agents.link import AgentListener, DialOptions, LinkClosed
from actors.agents.outbound import ensure_room
from actors.agents.target import AgentTarget
from actors.errors import AgentClosedError, AgentUnreachableError

_READ_BUFFER_BYTES: Final = 1024

# An adapter, because picows makes a logger of its own for every connection that is given a plain one.
_LOG: Final = logging.LoggerAdapter(logging.getLogger(__name__), {})


async def dial_websocket(target: AgentTarget, listener: AgentListener, options: DialOptions) -> WebSocketLink:
    """Open the socket; raises AgentUnreachableError where that fails or takes over ``connect_timeout_s``.

    Redirects are refused: a target is an address that an operator chose.
    """
    link = WebSocketLink(listener, options)
    try:
        async with asyncio.timeout(options.connect_timeout_s):
            _, connected = await ws_connect(
                lambda: link,
                target.url,
                ssl_context=_tls() if target.url.startswith("wss:") else None,
                logger_name=_LOG,
                websocket_handshake_timeout=options.connect_timeout_s,
                max_redirects=0,
                max_frame_size=options.max_frame_bytes,
                read_buffer_init_size=_READ_BUFFER_BYTES,
                extra_headers=_authorization(target),
                enable_auto_ping=True,
                auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
                auto_ping_idle_timeout=options.idle_timeout_s / 2,
                auto_ping_reply_timeout=options.idle_timeout_s / 2,
            )
    except TimeoutError:
        waited = f"{options.connect_timeout_s:g} s"
        raise AgentUnreachableError(f"{target.label}: no WebSocket within {waited}") from None
    except (OSError, ssl.SSLError, UnicodeError, WSError) as error:
        # The error itself may quote the URL or a response, so only its kind and system text are told.
        raise AgentUnreachableError(f"{target.label}: {_why(error)}") from None
    if connected is not link:  # picows calls it a success if the peer hangs up instead of answering
        raise AgentUnreachableError(f"{target.label}: hung up before the WebSocket was open")
    return link


@functools.cache
def _tls() -> ssl.SSLContext:
    # Shared, because each holds its own copy of the system's certificates.
    return ssl.create_default_context()


def _authorization(target: AgentTarget) -> dict[str, str]:
    if target.bearer is not None:
        return {"Authorization": f"Bearer {target.bearer}"}
    if target.credentials is None:
        return {}
    token = base64.b64encode(":".join(target.credentials).encode()).decode("ascii")
    return {"Authorization": f"Basic {token}"}


def _why(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"refused the WebSocket upgrade with HTTP {int(response.status)}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"the WebSocket could not be opened ({type(error).__name__})"


class _Assembly(Enum):
    """What the next continuation frame belongs to."""

    NOTHING = auto()
    TEXT = auto()
    BINARY = auto()
    BROKEN = auto()  # the agent broke the protocol: nothing more is taken from it


class WebSocketLink(WSListener):
    """An ``AgentLink`` over one WebSocket. Made by ``dial_websocket``."""

    _transport: WSTransport  # given by picows before dial_websocket returns

    def __init__(self, listener: AgentListener, options: DialOptions) -> None:
        self._listener = listener
        self._options = options
        self._ended = asyncio.Event()
        self._outcome: asyncio.Task[None] | None = None
        self._paused = False
        self._closed_by_us = False
        self._breach = ""
        self._assembly = _Assembly.NOTHING
        self._partial = bytearray()

    # -- AgentLink -----------------------------------------------------------------------------------

    def send(self, frame: bytes) -> None:
        """Queue one message; see ``AgentLink.send``."""
        transport = self._transport
        if transport.is_close_frame_sent or transport.is_disconnected:
            raise AgentClosedError("the WebSocket to the agent has ended")
        unread = transport.underlying_transport.get_write_buffer_size()
        ensure_room(len(frame), unread, self._options.max_frame_bytes)
        transport.send(WSMsgType.TEXT, frame)

    def pause_reading(self) -> None:
        """Stop reading the socket. Messages that were read with the last one still come."""
        self._paused = True
        self._transport.underlying_transport.pause_reading()
        # The answer to a ping on its way would not be read, and its absence not be the agent's fault.
        self._transport.notify_user_specific_pong_received()

    def resume_reading(self) -> None:
        """Read again."""
        self._paused = False
        self._transport.underlying_transport.resume_reading()

    async def close(self) -> None:
        """Say goodbye and end; a peer that does not take it is cut off after ``stop_grace_s``."""
        if not self._ended.is_set():
            self._closed_by_us = True
            self._transport.send_close(WSCloseCode.OK)
            self._transport.disconnect()
        try:
            async with asyncio.timeout(self._options.stop_grace_s):
                await self._ended.wait()
        except TimeoutError:
            self._transport.disconnect(graceful=False)
            await self._ended.wait()
        if self._outcome is not None:
            await self._outcome

    # -- called by picows ----------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the transport: the link is live from here on."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Pass a whole message on at once; everything else is rare and taken apart from it."""
        if frame.msg_type is WSMsgType.TEXT and frame.fin and self._assembly is _Assembly.NOTHING:
            self._listener.agent_frame(frame.get_payload_as_bytes())
        elif self._assembly is not _Assembly.BROKEN:
            self._rare_frame(frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Tell the listener why the link ended."""
        # picows keeps its own error in a future that asyncio complains about if nobody looks at it.
        self._outcome = asyncio.get_running_loop().create_task(_look_at_outcome(transport))
        self._partial.clear()
        self._ended.set()
        self._listener.agent_closed(LinkClosed(self._reason(), clean=self._closed_by_us))

    def send_user_specific_ping(self, transport: WSTransport) -> None:
        """Ask whether an idle agent is still there, unless it is we who do not listen."""
        if self._paused:
            asyncio.get_running_loop().call_soon(transport.notify_user_specific_pong_received)
        else:
            transport.send_ping()

    def pause_writing(self) -> None:
        """Nothing to do: ``send`` looks at the unread bytes itself."""

    def resume_writing(self) -> None:
        """Nothing to do, as for ``pause_writing``."""

    # -- rare frames ---------------------------------------------------------------------------------

    def _rare_frame(self, frame: WSFrame) -> None:
        match frame.msg_type:
            case WSMsgType.CLOSE:
                self._transport.send_close(WSCloseCode.OK)
                self._transport.disconnect()
            case WSMsgType.CONTINUATION:
                self._continue(frame)
            case WSMsgType.TEXT | WSMsgType.BINARY if self._assembly is not _Assembly.NOTHING:
                self._break(WSCloseCode.PROTOCOL_ERROR, "began a message inside a fragmented one")
            case WSMsgType.TEXT:
                self._assembly = _Assembly.TEXT
                self._partial += frame.get_payload_as_memoryview()
            case WSMsgType.BINARY if not frame.fin:
                self._assembly = _Assembly.BINARY
            case _:
                pass  # a whole binary message, or a pong that came late; pings are answered by picows

    def _continue(self, frame: WSFrame) -> None:
        if self._assembly is _Assembly.NOTHING:
            self._break(WSCloseCode.PROTOCOL_ERROR, "continued a message that it had not begun")
            return
        text = self._assembly is _Assembly.TEXT
        if text:
            self._partial += frame.get_payload_as_memoryview()
            if len(self._partial) > self._options.max_frame_bytes:
                limit = self._options.max_frame_bytes
                self._break(WSCloseCode.MESSAGE_TOO_BIG, f"sent a message of over {limit} bytes")
                return
        if frame.fin:
            self._assembly = _Assembly.NOTHING
            message, self._partial = bytes(self._partial), bytearray()
            if text:
                self._listener.agent_frame(message)

    def _break(self, code: WSCloseCode, what: str) -> None:
        self._assembly = _Assembly.BROKEN
        self._breach = f"the agent {what}"
        self._transport.send_close(code, self._breach)
        self._transport.disconnect()

    def _reason(self) -> str:
        if self._closed_by_us:
            return "closed by us"
        if self._breach:
            return self._breach
        return _ending(self._transport.close_handshake)


def _ending(handshake: WSCloseHandshake | None) -> str:
    if handshake is None:
        return "the connection to the agent broke"
    if handshake.recv_then_sent:
        return _said("the agent closed the WebSocket", handshake.recv)
    return _said("the WebSocket was given up", handshake.sent)


def _said(what: str, info: WSCloseInfo | None) -> str:
    if info is None:
        return what
    return f"{what} with code {info.code.value}" + (f": {info.reason}" if info.reason else "")


async def _look_at_outcome(transport: WSTransport) -> None:
    try:
        await transport.wait_disconnected()
    except Exception as error:  # noqa: BLE001 - whatever a listener raised ends up here; the link is over
        _LOG.warning("WebSocket to an agent ended by %s", type(error).__name__)
