"""The real AgentAPI (coder/agentapi) with a program in its terminal, as the agent of a gateway.

Run where there is one: on the PATH, or named by ``LUMILINK_TEST_AGENTAPI``.
"""

from __future__ import annotations

import asyncio
import os
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

pytestmark = [pytest.mark.agents, pytest.mark.timeout(180, func_only=True)]

READY_S = 30.0
TURN_DEADLINE_S = 60.0
STOP_S = 10.0
PROGRAM = """
import sys
print("ready", flush=True)
for line in sys.stdin:
    print("Heard:", line.strip().upper(), flush=True)
"""


@pytest.fixture(scope="module")
def agentapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server."""
    binary = os.environ.get("LUMILINK_TEST_AGENTAPI") or shutil.which("agentapi")
    if binary is None:
        pytest.skip("there is no agentapi here")
    folder = tmp_path_factory.mktemp("agentapi")
    program = folder / "program.py"
    program.write_text(PROGRAM)
    port = free_port()
    command = [binary, "server", "--type", "custom", "--port", str(port), "--", sys.executable, str(program)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        try:
            _wait_until_stable(f"http://127.0.0.1:{port}")
            yield f"127.0.0.1:{port}"
        finally:
            running.terminate()
            running.wait(STOP_S)


def _wait_until_stable(url: str) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/status").json()["status"] == "stable":
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    pytest.fail("agentapi was not ready")


async def test_a_turn_is_carried_through_the_real_server(agentapi: str, tmp_path: Path) -> None:
    folder, workspace = tmp_path / "gateway", tmp_path / "workspace"
    folder.mkdir()
    workspace.mkdir()
    client = RecordingClient(workspace)
    with GatewayProcess(f"agentapi+http://{agentapi}", folder, dict(os.environ)) as running:
        async with asyncio.timeout(TURN_DEADLINE_S), to_gateway(running, client) as agent:
            await agent.initialize(protocol_version=acp.PROTOCOL_VERSION)
            session = await agent.new_session(cwd=str(workspace), mcp_servers=[])
            outcome = await agent.prompt(
                session_id=session.session_id, prompt=[acp.text_block("hello over http")]
            )

    assert outcome.stop_reason == "end_turn"
    assert "Heard: HELLO OVER HTTP" in "".join(client.chunks)
