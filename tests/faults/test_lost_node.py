"""A node that is lost with all that runs on it: its sessions go on at another, and nothing is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from support.gateway_process import scripted_agent_target
from support.journal_reading import check_promises
from support.messages import numbers
from support.recovering import check_seen_alike, is_gone, outcome, repeated
from support.returning import come_back
from support.two_nodes import TwoNodeGateway
from support.waiting import becomes_true
from support.websocket_peer import WebSocketPeer, begun_peer
from support.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(240, func_only=True),
]

BACK_S = 60.0
SESSIONS = 8
UPDATES = 300
SCRIPT = f"drip {UPDATES} 20\nawait go"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[TwoNodeGateway]:
    """A worker on each of two nodes."""
    settings = {"workers": 2, "ingress_replicas": 2}
    with TwoNodeGateway(tmp_path / "two-nodes", scripted_agent_target(), **settings) as running:
        yield running


async def only_one_is_left(gateway: TwoNodeGateway) -> bool:
    """Whether the gateway has noticed that one of its workers is gone; there is no node for another."""
    rows = (await gateway.topology())["workers"]
    return {row["pid"] for row in rows if row["state"] == "alive"} == {one.pid for one in gateway.workers()}


@pytest.mark.parametrize("whole", [True, False], ids=["the whole node", "its raylet"])
async def test_sessions_of_a_lost_node_go_on_at_the_other_and_nothing_is_lost(
    gateway: TwoNodeGateway, tmp_path: Path, whole: bool
) -> None:
    [lost] = gateway.on_second_node()
    places = [Workspace(tmp_path / f"ws-{number}") for number in range(SESSIONS)]
    async with AsyncExitStack() as stack:
        seeing: dict[str, WebSocketPeer] = {}
        turns: dict[str, int] = {}
        for place in places:
            peer = await stack.enter_async_context(begun_peer(gateway.acp_over_websocket))
            session_id = await peer.new_session(place)
            seeing[session_id] = peer
            turns[session_id] = await peer.start_prompt(session_id, SCRIPT, "first")
            await peer.hears(session_id, "20 ")
        hit = {one for one, place in zip(seeing, places, strict=True) if gateway.worker_of(place) == lost}
        assert 0 < len(hit) < SESSIONS

        raylet = gateway.second_raylet()
        # Without its raylet a worker may go on, or end itself; without its node it is gone.
        for process in (raylet, *(raylet.children(recursive=True) if whole else ())):
            process.kill()
        assert not whole or await becomes_true(lambda: is_gone([lost]), 20.0)
        for place in places:
            place.signal("go")
        for session_id, peer in list(seeing.items()):
            # Some lose their socket as well: with the node went what carried them.
            if await becomes_true(peer.ended.is_set, 0.5):
                coming = come_back(gateway, peer, session_id, BACK_S)
                seeing[session_id] = await stack.enter_async_context(coming)
                turns[session_id] = await seeing[session_id].start_prompt(session_id, SCRIPT, "first")
        for session_id, peer in seeing.items():
            ended = await outcome(peer, turns[session_id], BACK_S)
            assert ended == ("turn-interrupted" if session_id in hit else "end_turn") or not whole
            await repeated(peer, session_id, "say 5", BACK_S)
            heard = numbers(peer.messages, session_id)
            assert heard == [*range(1, len(heard) - 4), *range(1, 6)]
            assert session_id in hit or len(heard) == UPDATES + 5
            await check_seen_alike(gateway, session_id, peer)
    assert await becomes_true(lambda: only_one_is_left(gateway), BACK_S)
    await asyncio.wait_for(check_promises(gateway.folder), BACK_S)
