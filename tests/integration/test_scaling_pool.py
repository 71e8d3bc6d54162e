"""The worker pool, over HTTP and by the command line: more workers, fewer workers, and the pool killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support import process_census
from support.gateway_process import GatewayProcess, run_to_its_end, scripted_agent_target
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

SOON_S = 30.0


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway whose pool these tests change, each from where the one before left it."""
    folder = tmp_path_factory.mktemp("pool")
    with GatewayProcess(folder, scripted_agent_target(), workers=1, dashboard=False) as running:
        yield running


def lumilink(gateway: GatewayProcess, *arguments: str) -> str:
    """What the command prints; it must end with 0."""
    ended = run_to_its_end([*arguments, "--url", gateway.url], gateway.folder)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


async def has_workers(gateway: GatewayProcess, count: int) -> bool:
    """Whether so many workers, all of them alive, and no others come to be known."""

    async def are_they() -> bool:
        return [row["state"] for row in (await gateway.topology())["workers"]] == ["alive"] * count

    return await becomes_true(are_they, SOON_S)


async def test_workers_are_added_and_those_that_go_give_their_sessions_away(
    own: GatewayProcess, tmp_path: Path
) -> None:
    assert "workers: 3 always" in lumilink(own, "scale", "3")
    assert await has_workers(own, 3)
    async with begun_peer(own.acp_over_websocket) as peer:
        sessions = [await peer.new_session(Workspace(tmp_path / f"ws-{n}")) for n in range(6)]
        for session_id in sessions:
            assert await peer.prompt(session_id, "say 1") == "end_turn"

        lumilink(own, "scale", "1")

        assert await has_workers(own, 1)
        for session_id in sessions:
            assert await peer.prompt(session_id, "say 1") == "end_turn"
            await peer.close_session(session_id)


async def test_a_killed_pool_comes_back_and_knows_what_was_wanted(own: GatewayProcess) -> None:
    lumilink(own, "scale", "2")
    assert await has_workers(own, 2)
    before = {worker.pid for worker in own.workers()}
    [pool] = process_census.titled(own.mark, "ray::PoolShell")
    pool.kill()

    async def answers() -> bool:
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{own.url}/api/v1/pool", timeout=15.0)
        return answer.status_code == 200 and len(answer.json()["members"]) == 2

    assert await becomes_true(answers, SOON_S)
    assert json.loads(lumilink(own, "topology", "--json"))["pool"]["workers"] == 2
    assert {worker.pid for worker in own.workers()} == before


async def pids(gateway: GatewayProcess) -> dict[str, object]:
    """The process of each worker."""
    return {str(row["workerId"]): row["pid"] for row in (await gateway.topology())["workers"]}


async def test_the_command_line_drains_a_worker_and_waits_for_it(own: GatewayProcess) -> None:
    before = await pids(own)
    drained, *others = before
    said = lumilink(own, "drain", drained, "--wait", "--deadline", "5")

    assert said.splitlines() == [f"{drained} is draining", f"{drained} is back"]
    after = await pids(own)
    assert after[drained] != before[drained]
    assert [after[other] for other in others] == [before[other] for other in others]


async def test_a_pool_of_no_size_is_refused_and_pages_of_elsewhere_may_not_scale(own: GatewayProcess) -> None:
    async with httpx.AsyncClient() as http:
        none = await http.put(f"{own.url}/api/v1/pool", json={"workers": 0})
        words = await http.put(f"{own.url}/api/v1/pool", content=b"many")
        foreign = await http.put(
            f"{own.url}/api/v1/pool", json={"workers": 2}, headers={"Origin": "https://evil.example"}
        )

    assert [answer.status_code for answer in (none, words, foreign)] == [400, 400, 400]
    assert 'expected {"workers": 1 to 64}' in none.json()["detail"]


async def test_what_nobody_answers_is_told_in_two_lines(tmp_path: Path) -> None:
    ended = run_to_its_end(["drain", "worker-0", "--url", "http://127.0.0.1:1"], tmp_path)

    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 2
    assert "no gateway answers" in ended.stderr
