"""A gateway in a hundred lines: one session, kept in a list, and sockets that break when they are told to."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server
from picows.common import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from verify_histories import (
    AGENT,
    END_TURN,
    SESSION,
    Step,
    activated,
    ended,
    prompt,
    question,
    started,
    update,
)

from topology.verify.agent_record import AgentLine


class ModelGateway:
    """What it did is in ``steps``; ``breaks_at`` names the events after which all sockets break."""

    def __init__(self) -> None:
        self.steps: list[Step] = [activated(1)]
        self.agents: list[AgentLine] = []
        self.breaks_at: set[int] = set()
        self.refuses = 0
        self.asks = False
        self.answered = asyncio.Event()
        self.url = ""
        self._connections: dict[str, _Connection] = {}
        self._numbers = itertools.count(1)
        self._turns: dict[str, list[tuple[_Connection, object]]] = {}
        self._running: set[asyncio.Task[None]] = set()

    def connect(self, _: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        connection = _Connection(self, f"conn-{next(self._numbers)}")
        self._connections[connection.name] = connection
        headers = {"Acp-Connection-Id": connection.name}
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(headers), connection)

    def prompt(self, connection: _Connection, request_id: object, prompt_id: str) -> None:
        if self.refuses:
            self.refuses -= 1
            error = {"code": -1, "message": "", "data": {"code": "worker-unavailable", "retryable": True}}
            connection.send(id=request_id, error=error)
        elif prompt_id in self._turns:
            self._turns[prompt_id].append((connection, request_id))
            self._tell(prompt_id)
        else:
            self._turns[prompt_id] = [(connection, request_id)]
            task = asyncio.get_running_loop().create_task(self._turn(prompt_id, connection.name))
            self._running.add(task)

    async def _turn(self, prompt_id: str, client: str) -> None:
        turn = sum(step.kind == "turn-started" for step in self.steps) + 1
        self.agents.append(AgentLine("told", AGENT, prompt_id=prompt_id))
        await self._add(started(turn, prompt_id, client), prompt("do", client))
        if self.asks:
            await self._add(question(turn))
            for connection in self._connections.values():
                connection.send(id=f"{SESSION}/q{turn}", method="session/request_permission", params={})
            await self.answered.wait()
        await self._add(*(update(f"{turn}.{number}") for number in range(5)))
        await self._add(ended(turn))
        self._tell(prompt_id)

    async def _add(self, *steps: Step) -> None:
        for step in steps:
            self.steps.append(step)
            for connection in list(self._connections.values()):
                connection.show(len(self.steps))
            if len(self.steps) in self.breaks_at:
                for connection in list(self._connections.values()):
                    connection.break_off()
            await asyncio.sleep(0)

    def _tell(self, prompt_id: str) -> None:
        if any(step.kind == "turn-ended" for step in self.steps[self._started(prompt_id) :]):
            for connection, request_id in self._turns[prompt_id]:
                connection.send(id=request_id, **END_TURN)
            self._turns[prompt_id] = []

    def _started(self, prompt_id: str) -> int:
        return next(at for at, step in enumerate(self.steps) if step.body.get("promptId") == prompt_id)

    async def hang_up(self) -> None:
        while self._connections:
            for connection in list(self._connections.values()):
                connection.break_off()
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    def lost(self, name: str) -> None:
        del self._connections[name]


class _Connection(WSListener):
    def __init__(self, gateway: ModelGateway, name: str) -> None:
        self.name = name
        self._gateway = gateway
        self._transport: WSTransport | None = None
        self._is_attached = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        self._gateway.lost(self.name)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        message = json.loads(frame.get_payload_as_bytes())
        params: dict[str, Any] = message.get("params", {})
        match message.get("method"):
            case "initialize":
                self.send(id=message["id"], result={})
            case "session/new":
                self.send(id=message["id"], result={"sessionId": SESSION})
                self._attach(0)
            case "_lumilink/session/attach":
                self._attach(params["afterSeq"])
                self.send(id=message["id"], result={"reset": False})
            case "session/prompt":
                self._gateway.prompt(self, message["id"], params["_meta"]["lumilink"]["promptId"])
            case None:
                self._gateway.answered.set()

    def _attach(self, after: int) -> None:
        self._is_attached = True
        for seq in range(after + 1, len(self._gateway.steps) + 1):
            self.show(seq)

    def show(self, seq: int) -> None:
        step = self._gateway.steps[seq - 1]
        is_own = step.kind == "prompt" and step.client == self.name
        if self._is_attached and step.kind in ("update", "prompt") and not is_own:
            payload = step.payload(seq)
            self._write(payload if step.kind == "update" else payload.partition(b"\n")[2])

    def send(self, **message: object) -> None:
        self._write(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def _write(self, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, payload)

    def break_off(self) -> None:
        if self._transport is not None:
            self._transport.disconnect(graceful=False)


@asynccontextmanager
async def model_gateway() -> AsyncIterator[ModelGateway]:
    """A gateway that serves on loopback for the length of the block."""
    gateway = ModelGateway()
    server = await ws_create_server(gateway.connect, "127.0.0.1", 0)
    gateway.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/acp"
    try:
        yield gateway
        await gateway.hang_up()
    finally:
        server.close()
