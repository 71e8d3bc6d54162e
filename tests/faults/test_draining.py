"""A worker that is drained: its sessions go on at the other one, and their clients notice a pause at most."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.messages import cursors, numbers
from support.waiting import becomes_true
from support.websocket_peer import WebSocketPeer, begun_peer
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(180)]

DRAINED_S = 60.0


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway of its own: its workers are drained."""
    with GatewayProcess(tmp_path / "gateway", scripted_agent_target(), workers=2, dashboard=False) as made:
        yield made


async def drain(gateway: GatewayProcess, worker_id: object) -> None:
    """Ask for it, and wait until the worker's next life reports."""
    before = {row["workerId"]: row["pid"] for row in (await gateway.topology())["workers"]}
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{gateway.url}/api/v1/workers/{worker_id}/drain", json={"deadlineS": 30})
    assert answer.status_code == 202, answer.text

    async def is_new() -> bool:
        now = {row["workerId"]: row["pid"] for row in (await gateway.topology())["workers"]}
        return now.get(worker_id, before[worker_id]) != before[worker_id]

    assert await becomes_true(is_new, DRAINED_S)


async def test_turns_end_where_they_run_and_sessions_go_on_at_the_other_worker(
    two_workers: GatewayProcess, tmp_path: Path
) -> None:
    places = [Workspace(tmp_path / f"ws-{number}") for number in range(4)]
    async with begun_peer(two_workers.acp_over_websocket) as peer:
        sessions = [await peer.new_session(place) for place in places]
        for session_id in sessions:
            await peer.prompt(session_id, "say 5")
        turns = {
            session_id: await peer.start_prompt(session_id, "say 20\nawait go\nsay 30")
            for session_id in sessions[:2]
        }
        for session_id in turns:
            await peer.hears(session_id, "20 ")
        for worker in ("worker-0", "worker-1"):
            draining = asyncio.create_task(drain(two_workers, worker))
            await check_others_go_on(peer, sessions[2:])
            for place in places:
                place.signal("go")
            await draining
        for session_id, turn in turns.items():
            assert (await peer.result_of(turn))["stopReason"] == "end_turn"
            assert numbers(peer.messages, session_id) == [*range(1, 6), *range(1, 21), *range(1, 31)]
        for session_id in sessions:
            assert await peer.prompt(session_id, "say 1") == "end_turn"
            seqs = cursors(peer.messages, session_id)
            assert seqs == sorted(set(seqs))


async def check_others_go_on(peer: WebSocketPeer, sessions: list[str]) -> None:
    """While the worker drains, prompts in the other sessions are answered as always."""
    for _ in range(3):
        for session_id in sessions:
            assert await peer.prompt(session_id, "say 1") == "end_turn"


async def test_a_worker_that_is_not_there_cannot_be_drained(two_workers: GatewayProcess) -> None:
    async with httpx.AsyncClient() as http:
        unknown = await http.post(f"{two_workers.url}/api/v1/workers/worker-9/drain")
        wrong = await http.post(f"{two_workers.url}/api/v1/workers/worker-0/drain", json={"deadlineS": -1})
        foreign = await http.post(
            f"{two_workers.url}/api/v1/workers/worker-0/drain", headers={"Origin": "https://evil.example"}
        )
    assert (unknown.status_code, unknown.json()["code"]) == (404, "worker-not-found")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid-params")
    assert (foreign.status_code, foreign.json()["code"]) == (400, "invalid-request")
