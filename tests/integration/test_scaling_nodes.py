"""Load brings nodes and takes them away: Ray's own autoscaler and real nodes, all on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.messages import cursors, numbers
from support.ray_cluster import NODE_RESOURCE, RayCluster
from support.redis_server import RedisServer
from support.waiting import becomes_true
from support.websocket_peer import WebSocketPeer, begun_peer
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

NODE_COMES_S = 60.0
NODE_GOES_S = 90.0
PLACES = 4


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RayCluster]:
    with RayCluster(tmp_path / "cluster", max_nodes=2, idle_s=3.0) as running:
        yield running


@pytest.fixture
def guest(cluster: RayCluster, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway on that cluster, whose workers take four sessions and a node of their own."""
    with (
        RedisServer(tmp_path / "redis") as redis,
        GatewayProcess(
            tmp_path / "gateway",
            scripted_agent_target(),
            address=cluster.address,
            journal=redis.url,
            max_workers=2,
            sessions_per_worker=PLACES,
            worker_resource=NODE_RESOURCE,
            scale_down_after_s=5.0,
        ) as running,
    ):
        yield running


async def workers(gateway: GatewayProcess) -> dict[str, int]:
    """The workers that are alive, and how many sessions each of them holds."""
    rows = (await gateway.topology())["workers"]
    return {str(row["workerId"]): int(str(row["sessions"])) for row in rows if row["state"] == "alive"}


async def test_a_node_joins_under_load_takes_sessions_and_leaves_when_the_load_is_gone(
    cluster: RayCluster, guest: GatewayProcess, tmp_path: Path
) -> None:
    assert cluster.nodes() == 2
    assert await second_is_refused(cluster, tmp_path / "second")
    async with begun_peer(guest.acp_over_websocket) as peer:
        sessions = [await opened(peer, tmp_path / f"ws-{number}") for number in range(PLACES)]

        async def has_two() -> bool:
            return len(await workers(guest)) == 2

        assert await becomes_true(has_two, NODE_COMES_S), cluster.last_words()
        assert cluster.nodes() == 3
        sessions += [await opened(peer, tmp_path / f"more-{number}") for number in range(2)]

        async def both_hold_sessions() -> bool:
            return sorted((await workers(guest)).values()) == [2, PLACES]

        assert await becomes_true(both_hold_sessions, 10.0), await workers(guest)

        kept = [sessions[0], sessions[-1]]
        for session_id in sessions[1:-1]:
            await peer.close_session(session_id)
        turn = await peer.start_prompt(kept[1], "say 5")

        async def has_one_node_less() -> bool:
            return cluster.nodes() == 2

        assert await becomes_true(has_one_node_less, NODE_GOES_S), await guest.topology()
        assert (await peer.result_of(turn))["stopReason"] == "end_turn"
        for session_id in kept:
            assert await peer.prompt(session_id, "say 2") == "end_turn"
            assert cursors(peer.messages, session_id) == sorted(set(cursors(peer.messages, session_id)))
        assert numbers(peer.messages, kept[0]) == [1, 2, 3, 1, 2]
        assert numbers(peer.messages, kept[1]) == [1, 2, 3, *range(1, 6), 1, 2]
        assert list((await workers(guest)).values()) == [2]


async def opened(peer: WebSocketPeer, folder: Path) -> str:
    """A session in a workspace of its own, after its first turn."""
    session_id = await peer.new_session(Workspace(folder))
    assert await peer.prompt(session_id, "say 3") == "end_turn"
    return session_id


async def test_a_guest_leaves_the_cluster_as_it_found_it(cluster: RayCluster, tmp_path: Path) -> None:
    settings = {"address": cluster.address, "worker_resource": NODE_RESOURCE}
    with RedisServer(tmp_path / "redis") as redis:
        for life in range(2):
            gateway = GatewayProcess(
                tmp_path / f"gateway-{life}", scripted_agent_target(), journal=redis.url, **settings
            )
            with gateway:
                assert len(await workers(gateway)) == 1
                assert cluster.titled("/bin/haproxy")
            assert await becomes_true(lambda: not cluster.titled("ray::WorkerShell"), 10.0)
    assert await becomes_true(lambda: not cluster.titled("ray::ServeReplica"), 40.0)
    assert cluster.nodes() >= 1
    assert await becomes_true(lambda: cluster.nodes() == 1, NODE_GOES_S)


async def second_is_refused(cluster: RayCluster, folder: Path) -> bool:
    """Whether another gateway on the cluster ends at once, and says why."""
    settings = {"address": cluster.address, "journal": "redis://127.0.0.1:1/0"}
    second = GatewayProcess(folder, scripted_agent_target(), **settings)
    second.start()
    code = await asyncio.to_thread(second.wait)
    return code == 1 and "another gateway runs on this cluster" in second.said("stderr")
