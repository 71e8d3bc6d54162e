"""A gateway on loopback for the tests of the whole program: picows in front of the model."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from connect_model import ModelGateway, frame
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from actors.agents.target import AgentTarget
from topology.connect.bridge import Bridge, Patience
from topology.connect.descriptors import Input

QUICK = Patience(first_retry_s=0.005, most_retry_s=0.02, first_gateway_s=0.05, last_answers_s=0.05)
WAIT_S = 5.0


class FakeGateway:
    """Serves the model. ``drop`` cuts the socket; while ``is_down`` it refuses new ones."""

    def __init__(self) -> None:
        self.model = ModelGateway()
        self.port = 0
        self.is_down = False
        self.swallows: Callable[[dict[str, Any]], bool] = lambda message: False
        self.taken: list[dict[str, Any]] = []
        self._socket: WSTransport | None = None
        self._changed = asyncio.Event()

    def drop(self) -> None:
        """Cut the connection without a word."""
        assert self._socket is not None
        self._socket.underlying_transport.abort()

    def flush(self) -> None:
        """Send what the model has to say."""
        while self.model.outbox and self._socket is not None:
            self._socket.send(WSMsgType.TEXT, self.model.outbox.popleft())
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def listener(self, request: WSUpgradeRequest) -> WSListener | None:
        return None if self.is_down or request.path != b"/acp" else _Listener(self)

    def opened(self, socket: WSTransport) -> None:
        self._socket = socket
        self.model.connect()
        self._changed.set()

    def closed(self, socket: WSTransport) -> None:
        if self._socket is socket:
            self._socket = None
            self.model.disconnect()
        self._changed.set()

    def take(self, message: dict[str, Any]) -> None:
        self.taken.append(message)
        if "id" in message and not self.swallows(message):
            self.model.inbox.append(message)
            self.model.take()
        self.flush()

    @property
    def is_connected(self) -> bool:
        return self._socket is not None


class _Listener(WSListener):
    def __init__(self, gateway: FakeGateway) -> None:
        self._gateway = gateway

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._gateway.opened(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type is WSMsgType.TEXT:
            self._gateway.take(json.loads(frame.get_payload_as_bytes()))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._gateway.closed(transport)


@asynccontextmanager
async def fake_gateway() -> AsyncIterator[FakeGateway]:
    gateway = FakeGateway()
    server = await ws_create_server(gateway.listener, "127.0.0.1", 0)
    async with server:
        gateway.port = server.sockets[0].getsockname()[1]
        yield gateway


class Editor:
    """An editor that has started the bridge: it holds the other ends of its stdin and stdout."""

    def __init__(self, port: int, patience: Patience = QUICK) -> None:
        stdin, self._write_fd = os.pipe()
        self._read_fd, stdout = os.pipe()
        self._fds = [stdin, stdout, self._read_fd, self._write_fd]
        target = AgentTarget.parse(f"ws://127.0.0.1:{port}/acp")
        self.bridge = Bridge(target, Input(stdin), stdout, patience)
        self._lines = Input(self._read_fd)
        self._partial = b""
        self.seen: list[dict[str, Any]] = []

    def say(self, **message: Any) -> None:
        os.write(self._write_fd, frame(message) + b"\n")

    def close_stdin(self) -> None:
        os.close(self._write_fd)
        self._fds.remove(self._write_fd)

    def close_stdout(self) -> None:
        os.close(self._read_fd)
        self._fds.remove(self._read_fd)

    async def hear(self) -> dict[str, Any]:
        """The next message that the program writes."""
        async with asyncio.timeout(WAIT_S):
            while b"\n" not in self._partial:
                self._partial += await self._lines.read()
        line, _, self._partial = self._partial.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        self.seen.append(message)
        return message

    async def begin(self) -> str:
        """Initialize and open a session; returns its id."""
        self.say(id=1, method="initialize", params={"protocolVersion": 1})
        assert (await self.hear())["id"] == 1
        self.say(id=2, method="session/new", params={"cwd": "/"})
        return str((await self.hear())["result"]["sessionId"])

    def prompt(self, request_id: int, session_id: str) -> None:
        params = {"sessionId": session_id, "prompt": [{"type": "text", "text": "go"}]}
        self.say(id=request_id, method="session/prompt", params=params)

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)


@asynccontextmanager
async def running_editor(
    port: int, patience: Patience = QUICK
) -> AsyncIterator[tuple[Editor, asyncio.Task[int]]]:
    """An editor with its bridge at work; gives the task that returns the exit code."""
    editor = Editor(port, patience)
    running = asyncio.create_task(editor.bridge.run())
    try:
        yield editor, running
    finally:
        editor.bridge.stop()
        async with asyncio.timeout(WAIT_S):
            await running
        editor.close()
