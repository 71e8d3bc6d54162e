"""How a gateway ends: asked to, asked to while it starts, or killed. Nothing of it may be left."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import process_census
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.peer import RefusedError
from support.waiting import becomes_true
from support.websocket_peer import WebSocketPeer, begun_peer
from support.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(240),
]

START_S = 60.0


@pytest.fixture
def new_gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway that is not started yet; whatever happens, nothing of it outlives the test."""
    made = GatewayProcess(tmp_path / "gateway", scripted_agent_target(), dashboard=False)
    yield made
    made.kill()
    shutil.rmtree(made.temp, ignore_errors=True)


async def start_turn(peer: WebSocketPeer, workspace: Workspace) -> int:
    """A turn that is running, and will not end by itself."""
    session_id = await peer.new_session(workspace)
    turn = await peer.start_prompt(session_id, "spawn\nsay 1\nhang")
    await peer.hears(session_id, "1 ")
    return turn


def carried_by_the_proxy(gateway: GatewayProcess) -> int:
    """How many sockets Serve's own proxy holds for clients; HAProxy's checks of its health are short."""
    [proxy] = process_census.titled(gateway.mark, "ray::ProxyActor")
    port = int(proxy.environ()["RAY_SERVE_FALLBACK_PROXY_HTTP_PORT"])
    live = [connection for connection in proxy.net_connections("tcp") if connection.status == "ESTABLISHED"]
    return len([connection for connection in live if connection.laddr.port == port])


async def test_ctrl_c_ends_a_gateway_in_order_and_its_clients_are_told(
    new_gateway: GatewayProcess, workspace: Workspace
) -> None:
    new_gateway.start()
    await asyncio.to_thread(new_gateway.wait_until_ready)
    async with begun_peer(new_gateway.acp_over_websocket) as peer:
        turn = await start_turn(peer, workspace)
        # A terminal signals the whole group: Ray's processes get it as well.
        stopping = asyncio.to_thread(new_gateway.stop, signal.SIGINT, whole_group=True)
        task = asyncio.create_task(stopping)
        with pytest.raises(RefusedError) as ended:
            await peer.result_of(turn)
        assert ended.value.data["code"] == "turn-interrupted"
        await peer.close_code()
        await task
    assert new_gateway.process.returncode == 0


async def test_the_first_client_of_a_second_gateway_reaches_its_own_agent(
    gateway: GatewayProcess, new_gateway: GatewayProcess, workspace: Workspace
) -> None:
    new_gateway.start()
    await asyncio.to_thread(new_gateway.wait_until_ready)
    own = {process.pid for process in new_gateway.processes()}
    async with begun_peer(new_gateway.acp_over_websocket) as peer:
        told = await new_gateway.topology()
        assert {part["pid"] for kind in ("workers", "ingress") for part in told[kind]} <= own
        await peer.new_session(workspace)
        assert len(new_gateway.agents()) == 1
        assert gateway.agents() == []
        # Serve's own proxy would carry this socket at ten times the price until it closes.
        assert await becomes_true(lambda: carried_by_the_proxy(new_gateway) == 0, 5.0)
    await asyncio.to_thread(new_gateway.stop)


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("gcs_server", signal.SIGINT),
        ("raylet", signal.SIGTERM),
        ("ray::WorkerShell", signal.SIGINT),
        ("ray::ServeReplica", signal.SIGTERM),
    ],
)
async def test_a_stop_while_it_starts_leaves_nothing(
    new_gateway: GatewayProcess, moment: str, number: signal.Signals
) -> None:
    new_gateway.start()
    started = await becomes_true(lambda: bool(process_census.titled(new_gateway.mark, moment)), START_S)
    assert started, new_gateway.last_words()
    # A terminal signals the whole group, a service manager the process that it started.
    await asyncio.to_thread(new_gateway.stop, number, whole_group=number == signal.SIGINT)
    assert "Traceback" not in new_gateway.said("stderr")


async def test_a_killed_gateway_takes_all_its_processes_and_agents_along(
    new_gateway: GatewayProcess, workspace: Workspace
) -> None:
    new_gateway.start()
    await asyncio.to_thread(new_gateway.wait_until_ready)
    async with begun_peer(new_gateway.acp_over_websocket) as peer:
        await start_turn(peer, workspace)
        assert len(new_gateway.processes()) > 10
        [run_dir] = new_gateway.run_dirs()
        new_gateway.process.kill()
        new_gateway.process.wait()
        assert await asyncio.to_thread(new_gateway.left_after, 30.0) == []
        assert await becomes_true(lambda: not run_dir.exists(), 10.0)
        await peer.close_code()
