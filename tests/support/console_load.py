"""A gateway with sessions at work, for pictures of its console: many workspaces, turns that come and go."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from loadtests.client_session import ClientSession
from loadtests.wire import Orders
from support.console_data import WORKSPACES
from support.gateway_process import GatewayProcess, free_port

SESSIONS: Final = 300
_OPEN_S: Final = 30.0
_POLL_S: Final = 0.2
_TURN: Final = Orders(updates=24, interval=0.08)
_LONGEST_PAUSE_S: Final = 8.0
_HELLO: Final = {
    "protocolVersion": 1,
    "clientCapabilities": {},
    "clientInfo": {"name": "editor", "version": "1"},
}


@contextmanager
def gateway_at_work(folder: Path) -> Iterator[GatewayProcess]:
    """A gateway of two workers whose sessions work until this is left."""
    port = free_port()
    agent = [sys.executable, "-m", "loadtests.stub_agent", "--port", str(port)]
    with subprocess.Popen(agent, stdout=subprocess.DEVNULL) as stub:
        try:
            target, settings = f"ws://127.0.0.1:{port}/acp", {"workers": 2, "dashboard": False}
            with (
                GatewayProcess(folder, target, **settings) as gateway,
                _load(gateway.acp_over_websocket, folder),
            ):
                yield gateway
        finally:
            stub.send_signal(signal.SIGTERM)


@contextmanager
def _load(url: str, folder: Path) -> Iterator[None]:
    """Sessions at work, in a thread: whoever looks at them meanwhile does so in this one."""
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_until(stop, _all_work(url, folder))), name="load")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_OPEN_S)


async def _until(stop: threading.Event, working: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(working)
    while not (stop.is_set() or task.done()):
        await asyncio.sleep(_POLL_S)
    task.cancel()
    await asyncio.wait({task})


async def _all_work(url: str, folder: Path) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(SESSIONS):
            group.create_task(_work(url, folder, WORKSPACES[number % len(WORKSPACES)]))
            await asyncio.sleep(0.02)


async def _work(url: str, folder: Path, workspace: str) -> None:
    session = ClientSession()
    async with asyncio.timeout(_OPEN_S):
        await session.connect(url)
        await session.ask("initialize", _HELLO)
        about = {"lumilink": {"workspaceId": workspace}}
        new = {"cwd": str(folder), "mcpServers": [], "_meta": about}
        answer = await session.ask("session/new", new)
    session.session_id = msgspec.json.decode(answer.result)["sessionId"]
    while True:
        await asyncio.sleep(random.random() * _LONGEST_PAUSE_S)
        await session.prompt(_TURN)
