"""What the tests with real agents share: installed packages, the stub model, one gateway an agent."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import npm_packages
import pytest
from agent_connections import Connect, to_agent, to_gateway
from agent_programs import PROGRAMS, AgentProgram
from gateway_process import GatewayProcess, is_available
from process_census import alive, left_over
from stub_model import StubModel


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
    built = PROGRAMS[request.param](model.url)
    if built is None:
        pytest.skip(f"there is no {request.param} for this machine")
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
        with GatewayProcess(program.target, home, program.environment(home)) as running:
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
