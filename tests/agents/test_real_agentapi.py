"""The real AgentAPI behind a gateway, where its program ``agentapi`` (0.12) is on the PATH."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import acp
import httpx
import pytest
from agent_connections import to_gateway
from gateway_process import GatewayProcess, free_port
from recording_client import RecordingClient

AGENTAPI = shutil.which("agentapi")
pytestmark = [
    pytest.mark.agents,
    pytest.mark.timeout(150, func_only=True),
    pytest.mark.skipif(AGENTAPI is None, reason="agentapi is not on this machine"),
]

HERE = Path(__file__).parent
READY_DEADLINE_S = 30.0
TURN_DEADLINE_S = 60.0
COMMANDS = {
    "pty": ("--", sys.executable, str(HERE / "boxed_agent.py")),
    "acp": ("--experimental-acp", "--", sys.executable, "-m", "actors.agents.example"),
}


@pytest.fixture(scope="module")
def agent_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def gateway(
    agent_port: int, lumilink_up: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway whose agent is whatever AgentAPI listens at the port."""
    home = tmp_path_factory.mktemp("gateway-agentapi")
    with GatewayProcess(
        f"agentapi+http://127.0.0.1:{agent_port}", home, {"PATH": "/usr/bin:/bin"}
    ) as running:
        yield running


@pytest.fixture(params=sorted(COMMANDS))
def agentapi(request: pytest.FixtureRequest, agent_port: int, tmp_path: Path) -> Iterator[str]:
    """AgentAPI with an agent in it; its transport."""
    assert AGENTAPI is not None
    command = [AGENTAPI, "server", "--type", "custom", "--port", str(agent_port), *COMMANDS[request.param]]
    with (tmp_path / "agentapi.log").open("wb") as log:
        running = subprocess.Popen(command, cwd=HERE.parents[1], stdout=log, stderr=log)
    try:
        wait_until_stable(agent_port)
        yield request.param
    finally:
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait(10)


def wait_until_stable(port: int) -> None:
    deadline = time.monotonic() + READY_DEADLINE_S
    status = "not there"
    while time.monotonic() < deadline:
        try:
            status = httpx.get(f"http://127.0.0.1:{port}/status").json()["status"]
        except httpx.TransportError:
            status = "not there"
        if status == "stable":
            return
        time.sleep(0.1)
    pytest.fail(f"AgentAPI was still {status} after {READY_DEADLINE_S} s")


async def test_two_turns_and_their_conversation_for_who_comes_later(
    gateway: GatewayProcess, agentapi: str, tmp_path: Path
) -> None:
    first = RecordingClient(tmp_path)
    async with asyncio.timeout(2 * TURN_DEADLINE_S), to_gateway(gateway, first) as agent:
        await agent.initialize(protocol_version=acp.PROTOCOL_VERSION)
        session = await agent.new_session(cwd=str(tmp_path), mcp_servers=[])
        for word in ("oranges", "lemons"):
            before = len("".join(first.chunks))
            outcome = await agent.prompt(session_id=session.session_id, prompt=[acp.text_block(word)])
            assert outcome.stop_reason == "end_turn"
            assert word in "".join(first.chunks)[before:]
        told = "".join(first.chunks)
        if agentapi == "pty":
            # What AgentAPI cuts out of the screen is the agent's text alone, without its box.
            assert [f"piece {number} of lemons" in told for number in (1, 2, 3)] == [True] * 3
            assert "\N{BOX DRAWINGS LIGHT HORIZONTAL}" not in told
        later = RecordingClient(tmp_path)
        async with to_gateway(gateway, later) as second:
            await second.initialize(protocol_version=acp.PROTOCOL_VERSION)
            await second.load_session(session_id=session.session_id, cwd=str(tmp_path), mcp_servers=[])
            assert "".join(later.chunks) == told
