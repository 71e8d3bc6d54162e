"""One gateway with two ingress replicas, for all tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from support.gateway_process import GatewayProcess, scripted_agent_target
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
