"""A runner that nobody can dial holds a session, over cuts of its line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.cut_line import CutLine
from support.gateway_process import GatewayProcess
from support.live_watcher import live_watcher
from support.messages import numbers
from support.runner_process import RunnerProcess
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180, func_only=True)]

WITHIN_S = 30.0


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
        runner = RunnerProcess(f"http://127.0.0.1:{line.port}", tmp_path, workspace)
        try:
            assert await becomes_true(runner.is_ready, WITHIN_S)
            session_id = await peer.new_session(workspace)
            assert await peer.prompt(session_id, "say 3") == "end_turn"
            [job] = await jobs(api)
            assert (job["jobType"], job["status"]) == ("session", "RUNNING")
            for _ in range(3):
                turn = asyncio.ensure_future(peer.prompt(session_id, "drip 30 10"))
                await asyncio.sleep(0.05)
                assert line.cut()
                assert await turn == "end_turn"
            assert numbers(peer.messages, session_id) == [
                1,
                2,
                3,
                *range(1, 31),
                *range(1, 31),
                *range(1, 31),
            ]
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
    assert code == 0, runner.said()
