"""A runner that nobody can dial holds a session, over cuts of its line."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.live_watcher import live_watcher
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180, func_only=True)]

WITHIN_S = 30.0
LUMILINK = str(Path(sys.executable).parent / "lumilink")


class CutLine:
    """A way from the runner to the gateway that can be cut: all of its connections at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> int:
        number = len(self._open)
        for writer in self._open:
            writer.transport.abort()
        return number

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection("127.0.0.1", self._port)
        both = {writer, to_there}
        self._open |= both
        try:
            await asyncio.gather(_pump(reader, to_there), _pump(there, writer))
        except OSError:
            pass
        finally:
            self._open -= both
            for one in both:
                one.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.transport.abort()


class Runner:
    """A ``lumilink agent`` with the scripted agent."""

    def __init__(self, server: str, folder: Path) -> None:
        command = scripted_agent_target().removeprefix("stdio:")
        self.log = (folder / "runner.log").open("wb")
        self.process = subprocess.Popen(
            [
                LUMILINK,
                "agent",
                "--server",
                server,
                "--name",
                "laptop",
                "--drain",
                "0",
                "--",
                *command.split(),
            ],
            cwd=folder,
            stdout=self.log,
            stderr=self.log,
            env={key: value for key, value in os.environ.items() if not key.startswith("LUMILINK_")},
        )

    @property
    def agents(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            self.log.close()


@pytest.fixture(scope="module")
def at_runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway whose agents are at the runner ``laptop``."""
    folder = tmp_path_factory.mktemp("at-runner")
    with GatewayProcess(folder, "runner:laptop", dashboard=False) as running:
        yield running


@pytest.fixture
async def line(at_runner: GatewayProcess) -> AsyncIterator[CutLine]:
    line = CutLine(int(at_runner.url.rpartition(":")[2]))
    await line.start()
    yield line
    await line.stop()


@pytest.fixture
async def api(at_runner: GatewayProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=at_runner.url, timeout=20.0) as client:
        yield client


async def jobs(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("/jobs")).json()["items"]
    return found


async def test_a_runner_holds_a_session_over_cuts_of_its_line(
    at_runner: GatewayProcess, line: CutLine, api: httpx.AsyncClient, workspace: Workspace, tmp_path: Path
) -> None:
    async with begun_peer(at_runner.acp_over_websocket) as peer, live_watcher(at_runner) as watcher:
        await watcher.event("system:position")
        runner = Runner(f"http://127.0.0.1:{line.port}", tmp_path)
        try:
            assert await becomes_true(
                lambda: b"ready laptop" in (tmp_path / "runner.log").read_bytes(), WITHIN_S
            )
            session_id = await peer.new_session(workspace)
            assert await peer.prompt(session_id, "say 3") == "end_turn"
            [job] = await jobs(api)
            assert (job["jobType"], job["status"]) == ("session", "RUNNING")
            for _ in range(3):
                turn = asyncio.ensure_future(peer.prompt(session_id, "say 3"))
                await asyncio.sleep(0.05)
                assert line.cut()
                assert await turn == "end_turn"
            assert len(runner.agents) == 1
            assert [one["jobId"] for one in await jobs(api)] == [job["jobId"]]
            await peer.close_session(session_id)

            async def has_ended() -> bool:
                return [one["status"] for one in await jobs(api)] == ["COMPLETED"]

            assert await becomes_true(has_ended, WITHIN_S), await jobs(api)
            assert (await watcher.event("job:completed"))["data"]["jobId"] == job["jobId"]
            told = (await watcher.event("instance:log"))["data"]
            logged = (await api.get(f"/instances/{told['instanceId']}/logs")).json()
            assert told["message"] in [one["message"] for one in logged]
            assert await becomes_true(lambda: not runner.agents, WITHIN_S)
        finally:
            code = runner.stop()
    assert code == 0, (tmp_path / "runner.log").read_text()
