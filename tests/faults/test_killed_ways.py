"""``kill -9`` of what carries a client to its worker, in mid-turn: the turn goes on, and all is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial

import psutil
import pytest
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.journal_reading import check_promises, entries_of, outcomes_of
from support.messages import cursors, numbers
from support.returning import come_back
from support.tidying import leave_tidy
from support.waiting import becomes_true
from support.websocket_peer import WebSocketPeer, begun_peer
from support.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(120, func_only=True),
]

RECOVERY_S = 30.0
CLIENTS = 6
UPDATES = 300


@pytest.fixture(scope="module")
def running_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """Two replicas, so that some clients lose theirs and some do not."""
    settings = {"workers": 2, "ingress_replicas": 2, "dashboard": False}
    with GatewayProcess(tmp_path_factory.mktemp("ways"), scripted_agent_target(), **settings) as running:
        yield running


@pytest.fixture
async def gateway(running_gateway: GatewayProcess) -> AsyncIterator[GatewayProcess]:
    """The same: what was killed is back after each test, and the journal has kept its promises."""
    yield running_gateway
    assert await becomes_true(partial(is_whole, running_gateway), RECOVERY_S)
    await check_promises(running_gateway.folder)
    await leave_tidy(running_gateway)


def is_whole(gateway: GatewayProcess) -> bool:
    return len(gateway.replicas()) == 2 and len(gateway.capacity_actors()) == 1 and bool(gateway.haproxies())


Victims = Callable[[GatewayProcess], list[psutil.Process]]


@pytest.mark.parametrize(
    ("victims", "lose_their_socket"),
    [
        pytest.param(lambda gateway: gateway.replicas()[:1], range(1, CLIENTS), id="ingress replica"),
        pytest.param(GatewayProcess.replicas, range(CLIENTS, CLIENTS + 1), id="both ingress replicas"),
        pytest.param(GatewayProcess.haproxies, range(CLIENTS, CLIENTS + 1), id="HAProxy"),
        pytest.param(GatewayProcess.capacity_actors, range(1), id="capacity actor"),
    ],
)
async def test_turns_go_on_and_clients_that_come_back_are_shown_all_of_them(
    gateway: GatewayProcess, workspace: Workspace, victims: Victims, lose_their_socket: range
) -> None:
    async with AsyncExitStack() as stack:
        sessions: dict[WebSocketPeer, str] = {}
        for _ in range(CLIENTS):
            peer = await stack.enter_async_context(begun_peer(gateway.acp_over_websocket))
            sessions[peer] = await peer.new_session(workspace)
            await peer.start_prompt(sessions[peer], f"drip {UPDATES} 10", "once")
            await peer.hears(sessions[peer], "20 ")
        killed = victims(gateway)
        assert killed
        for process in killed:
            process.kill()

        for peer, session_id in sessions.items():
            seeing = peer
            if await becomes_true(peer.ended.is_set, 0.5):
                coming = come_back(gateway, peer, session_id, RECOVERY_S)
                seeing = await stack.enter_async_context(coming)
            # Said again, as nobody knows what became of it: it joins the turn that runs, or has its outcome.
            again = await seeing.start_prompt(session_id, f"drip {UPDATES} 10", "once")
            assert (await seeing.result_of(again))["stopReason"] == "end_turn"
            assert numbers(seeing.messages, session_id) == list(range(1, UPDATES + 1))
            seqs = cursors(seeing.messages, session_id)
            assert seqs == sorted(set(seqs))
            assert outcomes_of(await entries_of(gateway.folder, session_id)) == ["completed"]
        assert len([peer for peer in sessions if peer.ended.is_set()]) in lose_their_socket
        assert len(workspace.prompts()) == CLIENTS
