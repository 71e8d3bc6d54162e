"""Two hundred clients that do not read, and a flood: nothing is kept for them, and nothing lost to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.memory import highest_memory
from support.messages import cursors, numbers
from support.websocket_peer import WebSocketPeer, begun_peer, stalled_peer
from support.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(240, func_only=True),
]

FLOOD = 50_000
UPDATE_BYTES = 300
STALLED = 200
FLOOD_S = 120.0
MORE_BYTES = 30 * 1024 * 1024
AT_ONCE = 20


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """With settings as they come: what is kept in memory is what is kept in use."""
    with GatewayProcess(tmp_path_factory.mktemp("slow"), scripted_agent_target(), dashboard=False) as running:
        yield running


async def stall(
    stack: AsyncExitStack, gateway: GatewayProcess, session_id: str, count: int
) -> list[WebSocketPeer]:
    """So many clients that attach, and then read no more."""
    found: list[WebSocketPeer] = []
    for _ in range(0, count, AT_ONCE):
        coming = [stalled_peer(gateway.acp_over_websocket, session_id) for _ in range(min(AT_ONCE, count))]
        found += await asyncio.gather(*(stack.enter_async_context(one) for one in coming))
    return found


async def flood(gateway: GatewayProcess, healthy: WebSocketPeer, session_id: str) -> int:
    """A turn of ``FLOOD`` updates that one client reads; returns by how much the worker grew at most."""
    [worker] = gateway.workers()
    async with highest_memory(worker) as grown:
        turn = await healthy.start_prompt(session_id, f"say {FLOOD} {UPDATE_BYTES}")
        assert (await healthy.result_of(turn, FLOOD_S))["stopReason"] == "end_turn"
    assert numbers(healthy.messages, session_id) == list(range(1, FLOOD + 1))
    return grown.bytes


async def test_two_hundred_clients_that_do_not_read_cost_hardly_more_than_one(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with AsyncExitStack() as stack:
        grown = []
        for count in (1, STALLED):
            healthy = await stack.enter_async_context(begun_peer(gateway.acp_over_websocket))
            session_id = await healthy.new_session(workspace)
            stalled = await stall(stack, gateway, session_id, count)
            grown.append(await flood(gateway, healthy, session_id))
        for peer in stalled:
            assert len(peer.messages) < FLOOD / 2
        assert grown[1] < grown[0] + MORE_BYTES, grown
        for peer in (stalled[0], stalled[STALLED // 2], stalled[-1]):
            peer.resume_reading()
            await peer.hears(session_id, f"{FLOOD} ".ljust(UPDATE_BYTES, "."), FLOOD_S)
            assert numbers(peer.messages, session_id) == list(range(1, FLOOD + 1))
            seqs = cursors(peer.messages, session_id)
            assert seqs == sorted(set(seqs))
