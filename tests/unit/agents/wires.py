"""What the tests of the wires share: a listener that remembers, and servers on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from websockets.asyncio.server import ServerConnection, serve

from actors.agents.link import LinkClosed

WAIT_S = 10.0


class Recorder:
    """An ``AgentListener`` that keeps everything, and lets a test wait for it without sleeping."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.logs: list[str] = []
        self.closed: list[LinkClosed] = []
        self.frames_after_closed = 0
        self._changed = asyncio.Event()

    def agent_frame(self, frame: bytes) -> None:
        self.frames_after_closed += bool(self.closed)
        self.frames.append(frame)
        self._changed.set()

    def agent_log(self, line: str) -> None:
        self.logs.append(line)
        self._changed.set()

    def agent_closed(self, closed: LinkClosed) -> None:
        self.closed.append(closed)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        await self.until_within(WAIT_S, condition)

    async def until_within(self, seconds: float, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def frame(self, number: int) -> bytes:
        """The frame with this number, the first being 0."""
        await self.until(lambda: len(self.frames) > number)
        return self.frames[number]

    async def end(self) -> LinkClosed:
        await self.until(lambda: bool(self.closed))
        return self.closed[0]


@asynccontextmanager
async def websocket_server(handler: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    """A WebSocket server from another implementation than the client's; gives its URL."""
    async with serve(handler, "127.0.0.1", 0, max_size=None) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}/acp"


@asynccontextmanager
async def asgi_server(app: Any) -> AsyncIterator[int]:
    """An ASGI application under uvicorn in this loop; gives its port."""
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", ws="websockets-sansio")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(WAIT_S):
        while not server.started:
            await asyncio.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        server.force_exit = True
        await serving
