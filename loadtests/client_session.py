"""The generator's side of one session: a WebSocket, its turns, and a tally of the updates that arrive."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from actors.errors import AgentClosedError, AgentProtocolError
from loadtests.histogram import LatencyHistogram
from loadtests.sequence import SequenceCheck
from loadtests.wire import Frame, Orders, read_frame, read_stamp, request

_LOG: Final = logging.LoggerAdapter(logging.getLogger(__name__), {})
_READ_BUFFER_BYTES: Final = 1024
_CLIENT: Final = {
    "protocolVersion": 1,
    "clientCapabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}


class _NewSession(msgspec.Struct, rename="camel"):
    session_id: str


class Tally:
    """What all sessions of a phase count together, in the window ``[start_ns, end_ns)``.

    Latency is kept by the time of sending, so that what an overloaded target delivers late still counts;
    ``carried`` by the time of arrival, so that it counts what was carried in time.
    """

    __slots__ = ("carried", "end_ns", "latency", "start_ns")

    def __init__(self, start_ns: int = 0, end_ns: int = 0) -> None:
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.carried = 0
        self.latency = LatencyHistogram()

    def count(self, now_ns: int, stamp_ns: int) -> None:
        """Count an update that was sent at ``stamp_ns`` and arrived at ``now_ns``."""
        if self.start_ns <= now_ns < self.end_ns:
            self.carried += 1
        if self.start_ns <= stamp_ns < self.end_ns:
            self.latency.record(now_ns - stamp_ns)


class ClientSession(WSListener):
    """One ACP session over one WebSocket of its own. ``dropped`` once the other end closed it."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.sequence = SequenceCheck()
        self.ordered = 0
        self.dropped = False
        self.session_id = ""
        self._transport: WSTransport | None = None
        self._closing = False
        self._last_id = 0
        self._answers: dict[int | str | None, asyncio.Future[Frame]] = {}

    async def open(self, url: str, cwd: str, within_s: float) -> None:
        """Connect, initialize and start a session.

        Raises WSError or OSError where the socket is refused, AgentProtocolError where a request is,
        TimeoutError after ``within_s``.
        """
        async with asyncio.timeout(within_s):
            await self.connect(url)
            await self.ask("initialize", _CLIENT)
            answer = await self.ask("session/new", {"cwd": cwd, "mcpServers": []})
        self.session_id = msgspec.json.decode(answer.result, type=_NewSession).session_id

    async def connect(self, url: str) -> None:
        """Open the socket; the caller sets the deadline."""
        await ws_connect(
            lambda: self,
            url,
            logger_name=_LOG,
            websocket_handshake_timeout=None,
            read_buffer_init_size=_READ_BUFFER_BYTES,
        )

    def prompt(self, orders: Orders) -> asyncio.Future[Frame]:
        """Send a prompt; the future holds the frame that ends the turn, or AgentClosedError."""
        self.ordered += orders.updates
        blocks = [{"type": "text", "text": orders.text()}]
        return self._send("session/prompt", {"sessionId": self.session_id, "prompt": blocks})

    def close(self) -> None:
        """End the connection without a close handshake."""
        self._closing = True
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    async def ask(self, method: str, params: object) -> Frame:
        """The answer to a request; raises AgentProtocolError where it is an error."""
        answer = await self._send(method, params)
        if answer.error is not None:
            raise AgentProtocolError(f"{method} was refused with {answer.error.code}")
        return answer

    def _send(self, method: str, params: object) -> asyncio.Future[Frame]:
        self._last_id += 1
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        if self._transport is None:
            future.set_exception(AgentClosedError("the connection is closed"))
            return future
        self._answers[self._last_id] = future
        self._transport.send(WSMsgType.TEXT, request(self._last_id, method, params))
        return future

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Called by picows once the socket is open."""
        self._transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Called by picows once the socket is closed."""
        self._transport = None
        self.dropped = not self._closing
        for future in self._answers.values():
            if self._closing:
                future.cancel()
            elif not future.done():
                future.set_exception(AgentClosedError("the connection ended while an answer was awaited"))
        self._answers.clear()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Count an update, or take an answer. The hot path: about 2 us an update."""
        if frame.msg_type != WSMsgType.TEXT:
            if frame.msg_type == WSMsgType.CLOSE:
                transport.disconnect()
            return
        payload = frame.get_payload_as_bytes()
        stamp = read_stamp(payload)
        if stamp is None:
            self._answer(read_frame(payload))
            return
        self.tally.count(time.monotonic_ns(), stamp[0])
        self.sequence.see(stamp[1])

    def _answer(self, message: Frame) -> None:
        if message.method is None:
            future = self._answers.pop(message.id, None)
            if future is not None and not future.done():
                future.set_result(message)
