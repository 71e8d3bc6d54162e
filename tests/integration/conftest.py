"""One gateway with two ingress replicas, for all tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from support.canaries import CANARIES
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.guarded_gateway import Guarded
from support.tidying import leave_tidy


@pytest.fixture(scope="session")
def running_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """The gateway; it must stop with 0 and leave nothing."""
    folder = tmp_path_factory.mktemp("gateway")
    settings = {"ingress_replicas": 2, "connection_idle_s": 3.0, "dashboard": False}
    with GatewayProcess(folder, scripted_agent_target(), **settings) as running:
        yield running


@pytest.fixture
async def gateway(running_gateway: GatewayProcess) -> AsyncIterator[GatewayProcess]:
    """The same, without sessions or agents after each test."""
    yield running_gateway
    await leave_tidy(running_gateway)


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A gateway that asks for credentials, with two ingress replicas; each test uses sessions of its own.

    Its agents find secrets in their environment.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DEPLOY_TOKEN", CANARIES["environment of the gateway"])
        environment.setenv("DEPLOY_PLACE", CANARIES["unsaid environment of the gateway"])
        known = Guarded(tmp_path_factory.mktemp("guarded"))
        with known.gateway:
            yield known
