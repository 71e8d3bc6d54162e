"""What the tests with real agents share: installed packages, the stub model, one gateway an agent."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import acp
import npm_packages
import pytest
from acp.client import ClientSideConnection
from acp.ws.client import create_websocket_stream
from agent_programs import PROGRAMS, AgentProgram
from gateway_process import GatewayProcess, is_available
from process_census import alive, left_over
from recording_client import RecordingClient
from stub_model import StubModel

STDIO_LIMIT_BYTES = 16 * 1024 * 1024

Connect = Callable[[RecordingClient], AbstractAsyncContextManager[ClientSideConnection]]


@pytest.fixture(scope="session")
def packages() -> None:
    """The npm packages, installed."""
    try:
        npm_packages.install()
    except npm_packages.NodeMissingError as missing:
        pytest.skip(str(missing))
    except subprocess.CalledProcessError as failed:
        pytest.fail(f"npm could not install what tests/agents/package-lock.json names: {failed}")


@pytest.fixture(scope="session")
def model() -> Iterator[StubModel]:
    """The model that all agents talk to."""
    with StubModel() as stub:
        yield stub


@pytest.fixture(scope="session", params=sorted(PROGRAMS))
def program(request: pytest.FixtureRequest, packages: None, model: StubModel) -> AgentProgram:
    """Each agent in turn."""
    return build(request.param, model)


def build(name: str, model: StubModel) -> AgentProgram:
    """The agent called ``name``; skips the test where it doesn't exist for this machine."""
    built = PROGRAMS[name](model.url)
    if built is None:
        pytest.skip(f"there is no {name} for this machine")
    return built


@pytest.fixture(scope="session")
def lumilink_up() -> None:
    """Skips where the gateway cannot be started at all."""
    if not is_available():
        pytest.skip("lumilink up is not available")


@pytest.fixture(scope="session")
def gateway(
    program: AgentProgram, lumilink_up: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway in front of ``program``, shared by all tests with that agent. No agent may outlive it."""
    home = tmp_path_factory.mktemp(f"gateway-{program.name}")
    try:
        with GatewayProcess(program.target(home), home) as running:
            yield running
    finally:
        stayed = left_over(alive(home))
    assert not stayed, "the gateway stopped, but agents that it had started are still there"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty folder for the agent to work in."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture(params=["direct", pytest.param("websocket", marks=pytest.mark.integration)])
def connect(request: pytest.FixtureRequest, program: AgentProgram, tmp_path: Path) -> Connect:
    """Opens a connection to ``program``: to the agent itself over stdio, or through the gateway."""
    if request.param == "direct":
        return lambda client: to_agent(program, tmp_path / "home", client)
    running: GatewayProcess = request.getfixturevalue("gateway")
    return lambda client: to_gateway(running, client)


@asynccontextmanager
async def to_agent(
    program: AgentProgram, home: Path, client: RecordingClient
) -> AsyncIterator[ClientSideConnection]:
    """A connection to an agent of its own, started for it. No process of that agent may outlive it."""
    home.mkdir()
    with (home / "stderr.log").open("wb") as stderr:
        transport = {"limit": STDIO_LIMIT_BYTES, "stderr": stderr.fileno()}
        started = acp.spawn_agent_process(
            client.as_acp(),
            *program.command,
            env=program.environment(home),
            cwd=client.workspace,
            transport_kwargs=transport,
        )
        try:
            async with started as (connection, _process):
                yield connection
                assert alive(home), "no process is seen, so that none is seen later proves nothing"
        finally:
            stayed = await asyncio.to_thread(left_over, alive(home))
        assert not stayed, "the agent ended, but left processes behind"


@asynccontextmanager
async def to_gateway(running: GatewayProcess, client: RecordingClient) -> AsyncIterator[ClientSideConnection]:
    """A WebSocket connection to the gateway."""
    transport = await create_websocket_stream(running.acp_over_websocket)
    connection = acp.connect_to_agent(client.as_acp(), transport)
    try:
        yield connection
    finally:
        await connection.close()
