"""A runner in a network that nobody can dial into holds a session, over a dead link and a new gateway."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import carrier
from support.credentials import new_key, socket_with
from support.gateway_process import GatewayProcess
from support.messages import numbers
from support.recovering import repeated
from support.runner_process import RunnerProcess
from support.two_networks import BEHIND, BETWEEN_INWARD, HERE, TwoNetworks, can_be_made
from support.waiting import becomes_true
from support.websocket_peer import WebSocketPeer
from support.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(300, func_only=True),
    pytest.mark.skipif(not can_be_made(), reason="network namespaces cannot be made on this machine"),
]

WITHIN_S = 60.0
CUT_S = 3.0
PORT = 8099


@contextmanager
def carrying(within: list[str], *way: str) -> Iterator[None]:
    """Connections to the address and port that come first in the way go on to those behind them."""
    command = [*within, sys.executable, str(Path(carrier.__file__)), *way]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"carries\n"
        yield
    finally:
        process.kill()
        process.communicate()


def check_that_nobody_dials_in(networks: TwoNetworks, gateway_port: str) -> None:
    """What listens there is found from in between, and not from here."""
    dials = f"import socket; socket.create_connection(({BEHIND!r}, {PORT}), 5)"
    dialling = [sys.executable, "-c", dials]
    with carrying(networks.behind, BEHIND, str(PORT), BETWEEN_INWARD, gateway_port):
        subprocess.run([*networks.between, *dialling], check=True, timeout=WITHIN_S)
        with pytest.raises(OSError, match=r"No route|unreachable"):
            socket.create_connection((BEHIND, PORT), timeout=1.0)


async def check_a_dead_link(
    networks: TwoNetworks, peer: WebSocketPeer, session_id: str, place: Workspace
) -> None:
    """The agent goes on while nothing of it comes through; all of it is there once it does."""
    turn = asyncio.ensure_future(peer.prompt(session_id, "say 2\nawait go\nsay 50", WITHIN_S))
    assert await becomes_true(lambda: numbers(peer.messages, session_id)[-2:] == [1, 2], WITHIN_S)
    await asyncio.to_thread(networks.cut)
    place.signal("go")
    await asyncio.sleep(CUT_S)
    assert numbers(peer.messages, session_id)[-2:] == [1, 2]
    await asyncio.to_thread(networks.mend)
    assert await turn == "end_turn"
    assert numbers(peer.messages, session_id) == [*range(1, 4), 1, 2, *range(1, 51)]


async def test_a_runner_that_cannot_be_dialled_holds_a_session(workspace: Workspace, tmp_path: Path) -> None:
    gateway = GatewayProcess(
        tmp_path / "gateway", "runner:laptop", listens="0.0.0.0", auth="keys", dashboard=False
    )
    port = str(gateway.port)
    with (
        TwoNetworks() as networks,
        gateway,
        carrying(networks.between, BETWEEN_INWARD, str(PORT), HERE, port),
    ):
        check_that_nobody_dials_in(networks, port)
        user = new_key(gateway.folder, "acme", "user")
        key_file = tmp_path / "key"
        key_file.write_text(new_key(gateway.folder, "acme", "runner"))
        options = ["--key-file", str(key_file)]
        server = f"http://{BETWEEN_INWARD}:{PORT}"
        runner = RunnerProcess(server, tmp_path, workspace, options=options, within=networks.behind)
        try:
            assert await becomes_true(runner.is_ready, WITHIN_S), runner.said()
            async with socket_with(gateway.acp_over_websocket, user) as peer:
                session_id = await peer.new_session(workspace)
                assert await peer.prompt(session_id, "say 3", WITHIN_S) == "end_turn"
                await check_a_dead_link(networks, peer, session_id, workspace)
            gateway.stop()
            gateway.start()
            gateway.wait_until_ready()
            async with socket_with(gateway.acp_over_websocket, user) as peer:
                await peer.load(session_id, workspace)
                await repeated(peer, session_id, "say 4", WITHIN_S)
        finally:
            code = runner.stop()
    assert code == 0, runner.said()
