"""An ACP agent without a mind: it sends as many updates as a prompt orders, at the pace it orders.

``python -m loadtests.stub_agent --port P`` serves ``ws://127.0.0.1:P/acp``; every WebSocket connection is an
agent of its own, with any number of sessions. A prompt's text is `loadtests.wire.Orders` as JSON. Beside ACP
it answers ``_bench/report``: how many updates it sent, and how late it was itself since the last report.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import click
import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server
from picows.common import WSUpgradeRequest

from loadtests.histogram import LatencyHistogram
from loadtests.pacing import Pacer, StubSession
from loadtests.results import AgentReport
from loadtests.wire import Frame, Orders, read_frame, refusal, request, response

_LOG: Final = logging.LoggerAdapter(logging.getLogger(__name__), {})
_BACKLOG: Final = 1024
_READ_BUFFER_BYTES: Final = 1024

_INITIALIZED: Final = {
    "protocolVersion": 1,
    "agentCapabilities": {"loadSession": False},
    "agentInfo": {"name": "stub-agent", "version": "1.0.0"},
    "authMethods": [],
}
_OPTIONS: Final = [{"optionId": "yes", "name": "Yes", "kind": "allow_once"}]


class _SessionParams(msgspec.Struct, rename="camel"):
    session_id: str


class _TextBlock(msgspec.Struct):
    text: str


class _PromptParams(msgspec.Struct, rename="camel"):
    session_id: str
    prompt: tuple[_TextBlock]


@dataclass(frozen=True)
class _Asked:
    """A turn that begins once a permission is answered."""

    session: StubSession
    begin: Callable[[], None]
    finish: Callable[[str], None]


@dataclass
class StubAgents:
    """What all agents of this process share. ``sessions`` keeps the record of what each was sent."""

    pacer: Pacer
    sessions: dict[str, StubSession] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def new_session(self) -> StubSession:
        """A session with an id that this process gives out once."""
        session = StubSession(f"stub-{next(self._numbers)}")
        self.sessions[session.session_id] = session
        return session

    def report(self) -> AgentReport:
        """What was sent so far and the lateness since the last report."""
        lateness, self.pacer.lateness = self.pacer.lateness, LatencyHistogram()
        held, self.pacer.held = self.pacer.held, 0
        sent = {name: session.sent for name, session in self.sessions.items()}
        return AgentReport(
            sent=sum(sent.values()),
            sent_by_session=sent,
            held=held,
            late_p99_ms=lateness.quantile_ms(0.99),
            late_max_ms=lateness.quantile_ms(1.0),
        )


class AgentConnection(WSListener):
    """One WebSocket connection, which is one agent."""

    def __init__(self, agents: StubAgents) -> None:
        self.paused = False
        self._agents = agents
        self._pacer = agents.pacer
        self._sessions: dict[str, StubSession] = {}
        self._asked: dict[int | str, _Asked] = {}
        self._questions = itertools.count(1)
        self._transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Called by picows once the socket is open."""
        self._transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """End the turns whose client went away."""
        self._transport = None
        for session in self._sessions.values():
            if session.turn is not None:
                session.turn.end("cancelled")
        self._pacer.resume(self)

    def pause_writing(self) -> None:
        """Called by picows when the socket's buffer is full."""
        self.paused = True

    def resume_writing(self) -> None:
        """Called by picows when the buffer has room again."""
        self.paused = False
        self._pacer.resume(self)

    def write(self, payload: bytes) -> None:
        """Send one text frame; nothing where the client is gone."""
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, payload)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer one frame of the client."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        if frame.msg_type != WSMsgType.TEXT:
            return
        try:
            message = read_frame(frame.get_payload_as_bytes())
        except msgspec.DecodeError as error:
            self.write(refusal(None, -32700, str(error)))
            return
        try:
            self._take(message)
        except (msgspec.DecodeError, KeyError) as error:
            self.write(refusal(message.id, -32602, f"cannot follow these params: {error}"))

    def _take(self, message: Frame) -> None:
        if message.method == "session/prompt":
            self._prompt(message)
        elif message.method == "session/cancel":
            self._cancel(msgspec.json.decode(message.params, type=_SessionParams).session_id)
        elif message.id is None:
            return
        elif message.method is None:
            asked = self._asked.pop(message.id, None)
            if asked is not None:
                asked.begin()
        elif message.method == "initialize":
            self.write(response(message.id, _INITIALIZED))
        elif message.method == "session/new":
            session = self._agents.new_session()
            self._sessions[session.session_id] = session
            self.write(response(message.id, {"sessionId": session.session_id}))
        elif message.method == "_bench/report":
            self.write(response(message.id, self._agents.report()))
        else:
            self.write(refusal(message.id, -32601, "the stub agent does not know this method"))

    def _prompt(self, message: Frame) -> None:
        params = msgspec.json.decode(message.params, type=_PromptParams)
        session = self._sessions[params.session_id]
        if session.turn is not None or self._asked_in(session) is not None:
            self.write(refusal(message.id, -32600, "a turn of this session is running"))
            return
        orders = msgspec.json.decode(params.prompt[0].text, type=Orders)

        def finish(reason: str) -> None:
            self.write(response(message.id, {"stopReason": reason}))

        def begin() -> None:
            self._pacer.begin(session, self, orders, finish)

        if orders.asks:
            self._ask(_Asked(session, begin, finish))
        else:
            begin()

    def _ask(self, asked: _Asked) -> None:
        number = next(self._questions)
        self._asked[number] = asked
        call = {"toolCallId": f"call-{number}", "title": "May I?"}
        params = {"sessionId": asked.session.session_id, "toolCall": call, "options": _OPTIONS}
        self.write(request(number, "session/request_permission", params))

    def _asked_in(self, session: StubSession) -> int | str | None:
        return next((number for number, asked in self._asked.items() if asked.session is session), None)

    def _cancel(self, session_id: str) -> None:
        session = self._sessions[session_id]
        question = self._asked_in(session)
        if question is not None:
            self._asked.pop(question).finish("cancelled")
        if session.turn is not None:
            session.turn.end("cancelled")


async def serve(host: str, port: int) -> None:
    """Serve agents until cancelled; prints a ``ready`` line with the address."""
    agents = StubAgents(Pacer())

    def connect(_: WSUpgradeRequest) -> AgentConnection:
        return AgentConnection(agents)

    server = await ws_create_server(
        connect, host, port, logger_name=_LOG, backlog=_BACKLOG, read_buffer_init_size=_READ_BUFFER_BYTES
    )
    print(f"ready ws://{host}:{server.sockets[0].getsockname()[1]}/acp", flush=True)
    await server.serve_forever()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, show_default=True, help="0 takes a free port; the ready line says which.")
def main(host: str, port: int) -> None:
    """Serve stub agents until interrupted."""
    gc.disable()  # no cycles are made; a collection here would be booked to the target's latency
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(host, port))


if __name__ == "__main__":
    main()
