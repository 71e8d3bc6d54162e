"""An ACP agent that records all that it is told and says, and forgets nothing when it is killed.

``python -m loadtests.chaos.agent --port P --record FILE`` serves ``ws://127.0.0.1:P/acp``; one process serves
all sessions, each connection having some of them. A prompt's text is `loadtests.chaos.orders.Orders`. It
offers ``session/load``, which repeats the whole conversation, and ``session/resume``. A turn ends with its
connection, as it would in an agent that is a process.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server
from picows.common import WSUpgradeRequest

from actors.errors import LumiLinkError
from loadtests.chaos.memory import Conversation, Memory
from loadtests.chaos.orders import Orders
from loadtests.limits import ensure_open_files
from loadtests.wire import Frame, read_frame, refusal, request, response

_LOG: Final = logging.LoggerAdapter(logging.getLogger(__name__), {})
_BACKLOG: Final = 1024
_READ_BUFFER_BYTES: Final = 1024
_OPEN_FILES: Final = 4096
_TOOL_CALL_EVERY: Final = 6

_INITIALIZED: Final = {
    "protocolVersion": 1,
    "agentCapabilities": {"loadSession": True, "sessionCapabilities": {"resume": {}}},
    "agentInfo": {"name": "recording-agent", "version": "1.0.0"},
    "authMethods": [],
}
_OPTIONS: Final = [
    {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
    {"optionId": "no", "name": "No", "kind": "reject_once"},
]


class _Ours(msgspec.Struct, rename="camel"):
    prompt_id: str | None = None


class _Meta(msgspec.Struct):
    lumilink: _Ours = msgspec.field(default_factory=_Ours)


class _SessionParams(msgspec.Struct, rename="camel"):
    session_id: str


class _PromptParams(_SessionParams, rename="camel"):
    prompt: list[msgspec.Raw]
    meta: _Meta = msgspec.field(default_factory=_Meta, name="_meta")


class _TextBlock(msgspec.Struct):
    text: str


@dataclass(frozen=True)
class _Turn:
    prompt: Frame
    task: asyncio.Task[None]


class Home:
    """Where the sessions are served now: a session that is loaded elsewhere is taken from its connection."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._connections: dict[str, AgentConnection] = {}

    def move(self, session_id: str, connection: AgentConnection) -> None:
        """The session is served by ``connection`` from now on."""
        before = self._connections.get(session_id)
        if before is not None:
            before.end_turn(session_id)
        self._connections[session_id] = connection


class AgentConnection(WSListener):
    """One WebSocket connection and the turns on it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._memory = home.memory
        self._transport: WSTransport | None = None
        self._turns: dict[str, _Turn] = {}
        self._asked: dict[int, asyncio.Future[Frame]] = {}
        self._numbers = itertools.count(1)

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Called by picows once the socket is open."""
        self._transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Called by picows once the socket is closed: nothing more is said on it."""
        self._transport = None
        for session_id in list(self._turns):
            self.end_turn(session_id)

    @property
    def is_open(self) -> bool:
        """Whether what is said may arrive."""
        return self._transport is not None

    def end_turn(self, session_id: str) -> _Turn | None:
        """Say nothing more in a session, nor that its turn is over; returns the turn if there was one."""
        turn = self._turns.pop(session_id, None)
        if turn is not None:
            turn.task.cancel()
        return turn

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer one frame of the client."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        if frame.msg_type != WSMsgType.TEXT:
            return
        message = read_frame(frame.get_payload_as_bytes())
        try:
            self._take(message)
        except (msgspec.DecodeError, KeyError) as error:
            self._send(refusal(message.id, -32602, f"cannot follow these params: {error}"))

    def _take(self, message: Frame) -> None:
        match message.method:
            case None:
                self._answered(message)
            case "session/prompt":
                self._prompt(message)
            case "session/cancel":
                self._cancel(message)
            case "initialize":
                self._send(response(message.id, _INITIALIZED))
            case "session/new":
                conversation = self._memory.open()
                self._home.move(conversation.session_id, self)
                self._send(response(message.id, {"sessionId": conversation.session_id}))
            case "session/load" | "session/resume":
                self._take_up(message)
            case _ if message.id is not None:
                self._send(refusal(message.id, -32601, "the recording agent does not know this method"))

    def _send(self, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, payload)

    # ------------------------------------------------------------------ sessions

    def _conversation(self, session_id: str) -> Conversation:
        found = self._memory.find(session_id)
        if found is None:
            raise KeyError(session_id)
        return found

    def _take_up(self, message: Frame) -> None:
        params = msgspec.json.decode(message.params, type=_SessionParams)
        conversation = self._conversation(params.session_id)
        self._home.move(params.session_id, self)
        if message.method == "session/load":
            for update in conversation.updates:
                self._show(conversation, update)
        self._send(response(message.id, {}))

    def _show(self, conversation: Conversation, update: msgspec.Raw) -> None:
        params = {"sessionId": conversation.session_id, "update": update}
        notification = {"jsonrpc": "2.0", "method": "session/update", "params": params}
        self._send(msgspec.json.encode(notification))

    # ------------------------------------------------------------------ turns

    def _prompt(self, message: Frame) -> None:
        params = msgspec.json.decode(message.params, type=_PromptParams)
        conversation = self._conversation(params.session_id)
        if params.session_id in self._turns:
            self._send(refusal(message.id, -32600, "a turn of this session is running"))
            return
        text = msgspec.json.decode(params.prompt[0], type=_TextBlock).text
        orders = msgspec.json.decode(text, type=Orders)
        self._memory.hear(conversation, params.meta.lumilink.prompt_id, params.prompt)
        task = asyncio.get_running_loop().create_task(self._run(message, conversation, orders))
        self._turns[params.session_id] = _Turn(message, task)

    async def _run(self, message: Frame, conversation: Conversation, orders: Orders) -> None:
        for number in range(orders.updates):
            self._say(conversation)
            if orders.asks and number == orders.updates // 2:
                outcome = await self._ask(conversation)
                self._say(conversation, f"answered: {outcome}")
            await asyncio.sleep(orders.interval)
        del self._turns[conversation.session_id]
        self._send(response(message.id, {"stopReason": "end_turn"}))

    def _cancel(self, message: Frame) -> None:
        turn = self.end_turn(msgspec.json.decode(message.params, type=_SessionParams).session_id)
        if turn is not None:
            self._send(response(turn.prompt.id, {"stopReason": "cancelled"}))

    def _say(self, conversation: Conversation, text: str = "") -> None:
        """Say the next number of the session, now and then by a tool call and its end."""
        number = conversation.said
        if text or number % _TOOL_CALL_EVERY:
            content = {"type": "text", "text": f"{number} {text}\n"}
            updates = [{"sessionUpdate": "agent_message_chunk", "content": content}]
        else:
            call = {"toolCallId": f"call-{number}", "title": f"call {number}", "status": "pending"}
            done = {"toolCallId": f"call-{number}", "status": "completed"}
            updates = [{"sessionUpdate": "tool_call", **call}, {"sessionUpdate": "tool_call_update", **done}]
        for update in updates:
            self._show(conversation, self._memory.say(conversation, update))

    async def _ask(self, conversation: Conversation) -> str:
        number = next(self._numbers)
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        call = {"toolCallId": f"ask-{conversation.said}", "title": "May I?"}
        params = {"sessionId": conversation.session_id, "toolCall": call, "options": _OPTIONS}
        self._send(request(number, "session/request_permission", params))
        try:
            return bytes((await answer).result).decode()
        finally:
            del self._asked[number]

    def _answered(self, message: Frame) -> None:
        waiting = self._asked.get(message.id) if isinstance(message.id, int) else None
        if waiting is not None and not waiting.done():
            waiting.set_result(message)


async def serve(port: int, record: Path) -> None:
    """Serve agents until cancelled; prints a ``ready`` line with the address."""
    home = Home(Memory(record))

    def connect(_: WSUpgradeRequest) -> AgentConnection:
        return AgentConnection(home)

    server = await ws_create_server(
        connect,
        "127.0.0.1",
        port,
        logger_name=_LOG,
        backlog=_BACKLOG,
        read_buffer_init_size=_READ_BUFFER_BYTES,
    )
    print(f"ready ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/acp", flush=True)
    await server.serve_forever()


@click.command()
@click.option("--port", default=0, show_default=True, help="0 takes a free port; the ready line says which.")
@click.option("--record", required=True, type=click.Path(dir_okay=False, path_type=Path))
def main(port: int, record: Path) -> None:
    """Serve recording agents until interrupted."""
    try:
        ensure_open_files(_OPEN_FILES)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(port, record))
    except LumiLinkError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
