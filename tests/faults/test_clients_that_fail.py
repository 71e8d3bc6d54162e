"""Clients that are killed, or do not read: neither costs anyone else anything, nor themselves a message."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support import vanishing_client
from support.gateway_process import GatewayProcess
from support.messages import FIRST_SHOWN, cursors, numbers
from support.neighbour import neighbour
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(180, func_only=True),
]

FLOOD = 50_000
REPLICA_GROWTH_BYTES = 32 * 1024 * 1024


async def test_a_killed_client_finds_its_whole_turn_when_it_comes_back(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    client = await asyncio.create_subprocess_exec(
        sys.executable,
        vanishing_client.__file__,
        gateway.acp_over_websocket,
        str(workspace),
        "say 5\nawait go\nsay 1000",
        stdout=subprocess.PIPE,
    )
    assert client.stdout is not None
    session_id = (await asyncio.wait_for(client.stdout.readline(), 60)).decode().strip()
    client.kill()
    await client.wait()
    workspace.signal("go")
    async with begun_peer(gateway.acp_over_websocket) as peer:
        await peer.load(session_id, workspace)
        await peer.hears(session_id, "1000 ")
        assert numbers(peer.messages, session_id) == [*range(1, 6), *range(1, 1001)]
        seqs = cursors(peer.messages, session_id)
        assert seqs == list(range(FIRST_SHOWN, len(seqs) + FIRST_SHOWN))


async def test_a_flood_to_a_client_that_does_not_read_waits_for_it_in_the_worker(
    gateway: GatewayProcess, workspace: Workspace, tmp_path: Path
) -> None:
    url = gateway.acp_over_websocket
    async with (
        begun_peer(url) as slow,
        begun_peer(url) as quick,
        neighbour(gateway, Workspace(tmp_path / "neighbour")) as beside,
    ):
        session_id = await slow.new_session(workspace)
        await quick.load(session_id, workspace)
        before = memory_of(gateway.replicas())
        slow.pause_reading()
        turns_before = beside.turns
        turn = await slow.start_prompt(session_id, f"say {FLOOD}")
        await quick.hears(session_id, f"{FLOOD} ", within_s=90)
        grown = memory_of(gateway.replicas()) - before
        assert beside.turns > turns_before
        assert grown < REPLICA_GROWTH_BYTES, f"the replicas keep {grown / 1e6:.0f} MB"
        assert len(slow.messages) < FLOOD
        slow.resume_reading()
        assert (await slow.result_of(turn, 90))["stopReason"] == "end_turn"
        everything = list(range(1, FLOOD + 1))
        assert numbers(slow.messages, session_id) == everything
        assert numbers(quick.messages, session_id) == everything


async def test_fifty_sessions_that_come_and_go_leave_no_descriptor(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async def rounds(count: int) -> None:
        for _ in range(count):
            async with begun_peer(gateway.acp_over_websocket) as peer:
                opened = await asyncio.gather(*(peer.new_session(workspace) for _ in range(5)))
                await asyncio.gather(*(peer.prompt(session_id, "say 5") for session_id in opened))
                await asyncio.gather(*(peer.close_session(session_id) for session_id in opened))

    def descriptors() -> list[int]:
        return [process.num_fds() for process in (*gateway.workers(), *gateway.replicas())]

    await rounds(2)
    assert await becomes_true(lambda: not gateway.agents(), 20.0)
    before = descriptors()
    await rounds(10)

    def is_back() -> bool:
        return all(now <= then + 2 for now, then in zip(descriptors(), before, strict=True))

    assert await becomes_true(is_back, 20.0), f"{before}, then {descriptors()}"


def memory_of(processes: list[psutil.Process]) -> int:
    """Resident bytes of all of them together."""
    return sum(process.memory_info().rss for process in processes)
