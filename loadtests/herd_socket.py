"""One client of the herd: a WebSocket on which many sessions are asked for, and what came of each."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from typing import Final

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from actors.errors import AgentClosedError, AgentProtocolError
from loadtests.histogram import LatencyHistogram
from loadtests.wire import request

ADMITTED: Final = "admitted"
_LOG: Final = logging.LoggerAdapter(logging.getLogger(__name__), {})
_INITIALIZE: Final = 0
_CLIENT: Final = {
    "protocolVersion": 1,
    "clientCapabilities": {},
    "clientInfo": {"name": "herd", "version": "1"},
}


class _Data(msgspec.Struct):
    code: str = "without a code"


class _Error(msgspec.Struct):
    data: _Data = msgspec.field(default_factory=_Data)


class _Params(msgspec.Struct, rename="camel"):
    request_id: int | None = None


class _Message(msgspec.Struct):
    id: int | str | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw(b"{}")
    error: _Error | None = None


_MESSAGE: Final = msgspec.json.Decoder(_Message)


class HerdTally:
    """What all clients of the herd count together.

    ``outcomes`` counts the answers by code. The first word for one that gets no place at once is its refusal,
    or that it waits and at which position.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.waited = 0
        self.outcomes: Counter[str] = Counter()
        self.first_word = LatencyHistogram()
        self.admitted = LatencyHistogram()
        self.in_time = 0
        self.changed = asyncio.Event()

    @property
    def answered(self) -> int:
        """How many requests have their answer."""
        return self.outcomes.total()


class HerdSocket(WSListener):
    """A connection that asks for sessions and holds on to those that it gets, until it is closed.

    A first word is in time within ``limit_s``.
    """

    def __init__(self, tally: HerdTally, limit_s: float) -> None:
        self._tally = tally
        self._limit_ns = int(limit_s * 1e9)
        self._transport: WSTransport | None = None
        self._initialized: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked_at: dict[int, int] = {}
        self._unheard: set[int] = set()

    async def begin(self, url: str, within_s: float) -> None:
        """Connect and initialize. Raises WSError, OSError, TimeoutError, or an error of ours."""
        async with asyncio.timeout(within_s):
            await ws_connect(lambda: self, url, logger_name=_LOG, websocket_handshake_timeout=None)
            self._send(_INITIALIZE, "initialize", _CLIENT)
            await self._initialized

    def ask(self, cwd: str) -> None:
        """Ask for a session."""
        number = len(self._asked_at) + 1
        self._asked_at[number] = time.monotonic_ns()
        self._unheard.add(number)
        self._tally.asked += 1
        self._send(number, "session/new", {"cwd": cwd, "mcpServers": []})

    def close(self) -> None:
        """Leave."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def _send(self, number: int, method: str, params: object) -> None:
        if self._transport is None:
            raise AgentClosedError("the connection is closed")
        self._transport.send(WSMsgType.TEXT, request(number, method, params))

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Called by picows once the socket is open."""
        self._transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Called by picows once the socket is closed."""
        self._transport = None
        if not self._initialized.done():
            self._initialized.set_exception(AgentClosedError("the connection ended before initialize"))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take note of what is said about a request."""
        if frame.msg_type != WSMsgType.TEXT:
            if frame.msg_type == WSMsgType.CLOSE:
                transport.disconnect()
            return
        message = _MESSAGE.decode(frame.get_payload_as_bytes())
        if message.method == "_lumilink/admission":
            number = msgspec.json.decode(message.params, type=_Params).request_id
            if number in self._unheard:
                self._tally.waited += 1
                self._heard(number)
        elif message.method is None and message.id == _INITIALIZE:
            self._begun(message)
        elif message.method is None and isinstance(message.id, int):
            self._answered(message.id, message.error)

    def _begun(self, message: _Message) -> None:
        if message.error is None:
            self._initialized.set_result(None)
        else:
            self._initialized.set_exception(AgentProtocolError(f"initialize: {message.error.data.code}"))

    def _answered(self, number: int, error: _Error | None) -> None:
        if error is None:
            self._tally.admitted.record(time.monotonic_ns() - self._asked_at[number])
        elif number in self._unheard:
            self._heard(number)
        self._tally.outcomes[ADMITTED if error is None else error.data.code] += 1
        self._tally.changed.set()

    def _heard(self, number: int) -> None:
        self._unheard.discard(number)
        took_ns = time.monotonic_ns() - self._asked_at[number]
        self._tally.first_word.record(took_ns)
        self._tally.in_time += took_ns <= self._limit_ns
