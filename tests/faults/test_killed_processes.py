"""``kill -9`` of each kind of process: what was lost is told, what was not goes on, and all comes back."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest
from support.gateway_process import GatewayProcess
from support.http_peer import HttpPeer, UnexpectedStatusError, begun_http_peer, replicas_reached
from support.messages import FIRST_SHOWN, cursors, numbers, request
from support.neighbour import neighbour
from support.peer import Peer, RefusedError
from support.tidying import sessions_of
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(180, func_only=True),
]

RECOVERY_S = 30.0


async def new_sessions_work(gateway: GatewayProcess, workspace: Workspace) -> bool:
    """Whether a client that comes now gets a session and a turn; if not, it is told to try again."""
    try:
        async with begun_peer(gateway.acp_over_websocket) as peer:
            session_id = await peer.new_session(workspace)
            return await peer.prompt(session_id, "say 1") == "end_turn"
    except RefusedError as refused:
        if not refused.data["retryable"]:
            raise
        return False


async def both_replicas_serve(gateway: GatewayProcess) -> bool:
    """Whether clients that come now reach either replica."""
    try:
        return len(await replicas_reached(gateway.acp_over_http)) == 2
    except (httpx.HTTPError, UnexpectedStatusError):
        return False


async def is_unknown(peer: HttpPeer) -> bool:
    """Whether the gateway has noticed that the connection's home is gone; it says nothing wrong before."""
    try:
        answer = await peer.post(request(1000, "session/list", {}))
    except httpx.HTTPError:
        return False
    assert answer.status_code in (202, 404, 500, 502, 503, 504), answer.text
    return answer.status_code == 404 and answer.json()["code"] == "connection-unknown"


async def check_complete(peer: Peer, session_id: str) -> None:
    """The conversation that the tests here have: 20 updates before the kill, 100 after it."""
    await peer.hears(session_id, "100 ")
    assert numbers(peer.messages, session_id) == [*range(1, 21), *range(1, 101)]


async def test_of_a_killed_worker_clients_notice_nothing_but_the_end_of_a_turn_that_ran(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    url = gateway.acp_over_websocket
    async with (
        begun_peer(url) as busy,
        begun_peer(url) as idle,
        begun_http_peer(gateway.acp_over_http) as http,
    ):
        in_turn = await busy.new_session(workspace)
        turn = await busy.start_prompt(in_turn, "say 1\nhang")
        await busy.hears(in_turn, "1 ")
        at_rest = [(peer, await peer.new_session(workspace)) for peer in (idle, http)]
        agents = gateway.agents()
        assert len(agents) == 3

        [worker] = gateway.workers()
        worker.kill()
        with pytest.raises(RefusedError) as ended:
            await busy.result_of(turn, RECOVERY_S)
        assert ended.value.data["code"] == "turn-interrupted"
        assert ended.value.data["retryable"] is True
        assert await becomes_true(lambda: not any(agent.is_running() for agent in agents), RECOVERY_S)
        # Each goes on with the session that it has, on the connection that it has.
        for peer, session_id in [(busy, in_turn), *at_rest]:
            assert await peer.prompt(session_id, "say 2") == "end_turn"
        assert numbers(busy.messages, in_turn) == [1, 1, 2]
        for peer, session_id in at_rest:
            assert numbers(peer.messages, session_id) == [1, 2]
            assert await peer.told("session-ended", 0) == []


async def test_sockets_of_a_killed_replica_come_back_to_the_whole_conversation(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with AsyncExitStack() as stack:
        sessions = {}
        for _ in range(6):
            peer = await stack.enter_async_context(begun_peer(gateway.acp_over_websocket))
            sessions[peer] = await peer.new_session(workspace)
            await peer.start_prompt(sessions[peer], "say 20\nawait go\nsay 100")
            await peer.hears(sessions[peer], "20 ")
        gateway.replicas()[0].kill()
        assert await becomes_true(lambda: any(peer.ended.is_set() for peer in sessions), 10.0)
        workspace.signal("go")
        kept = [peer for peer in sessions if not peer.ended.is_set()]
        assert 0 < len(kept) < len(sessions)
        for peer in kept:
            await check_complete(peer, sessions[peer])
        for session_id in (session_id for peer, session_id in sessions.items() if peer not in kept):
            async with begun_peer(gateway.acp_over_websocket) as back:
                await back.load(session_id, workspace)
                await check_complete(back, session_id)
                seqs = cursors(back.messages, session_id)
                assert seqs == list(range(FIRST_SHOWN, len(seqs) + FIRST_SHOWN))
                assert await back.prompt(session_id, "say 1") == "end_turn"
    assert await becomes_true(lambda: both_replicas_serve(gateway), RECOVERY_S)


async def test_http_connections_of_a_killed_replica_are_unknown_and_their_sessions_are_not(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with AsyncExitStack() as stack:
        peers: list[HttpPeer] = []
        # HAProxy chooses the replica; by and by it takes the other one too.
        while len(peers) < 6 or (len({peer.home for peer in peers}) < 2 and len(peers) < 30):
            coming = begun_http_peer(gateway.acp_over_http, fresh_connections=True)
            peers.append(await stack.enter_async_context(coming))
        sessions = {peer: await peer.new_session(workspace) for peer in peers}
        for peer, session_id in sessions.items():
            await peer.prompt(session_id, "say 20")
        home = peers[0].home
        lost = [peer for peer in sessions if peer.home == home]
        assert len(lost) < len(sessions)
        [pid] = [one["pid"] for one in (await gateway.topology())["ingress"] if one["replicaId"] == home]
        psutil.Process(int(str(pid))).kill()

        for peer, session_id in sessions.items():
            if peer in lost:
                assert await becomes_true(partial(is_unknown, peer), RECOVERY_S)
                peer.connection_id = ""
                await peer.begin()
            else:
                # Its streams may have come by way of the killed replica.
                await peer.open_stream()
            await peer.open_stream(session_id)
            await peer.load(session_id, workspace)
            assert await peer.prompt(session_id, "say 100") == "end_turn"
    assert await becomes_true(lambda: both_replicas_serve(gateway), RECOVERY_S)


async def test_without_the_capacity_actor_sessions_go_on_and_it_comes_back(
    gateway: GatewayProcess, workspace: Workspace, tmp_path: Path
) -> None:
    async with (
        begun_peer(gateway.acp_over_websocket) as peer,
        neighbour(gateway, Workspace(tmp_path / "neighbour")) as beside,
    ):
        session_id = await peer.new_session(workspace)
        [capacity] = gateway.capacity_actors()
        turns_before = beside.turns
        capacity.kill()
        assert await peer.prompt(session_id, "say 20") == "end_turn"
        assert await becomes_true(lambda: beside.turns > turns_before + 2, RECOVERY_S)
        assert await becomes_true(lambda: new_sessions_work(gateway, workspace), RECOVERY_S)
        assert session_id in await sessions_of(peer)
        async with begun_peer(gateway.acp_over_websocket) as other:
            await other.load(session_id, workspace)
            assert numbers(other.messages, session_id) == list(range(1, 21))
