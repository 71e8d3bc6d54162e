"""One gateway with short deadlines, for all tests of this folder. They kill parts of it; it must recover."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.tidying import leave_tidy

AGENT_START_S = 5.0
REQUEST_S = 3.0
HISTORY_BYTES = 64 * 1024 * 1024


@pytest.fixture(scope="session")
def running_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """The gateway; it must stop with 0 and leave nothing."""
    settings = {
        "ingress_replicas": 2,
        "agent_start_timeout_s": AGENT_START_S,
        "request_timeout_s": REQUEST_S,
        "cancel_grace_s": 1.0,
        "history_bytes": HISTORY_BYTES,
        "dashboard": False,
    }
    with GatewayProcess(tmp_path_factory.mktemp("frail"), scripted_agent_target(), **settings) as running:
        yield running


@pytest.fixture
async def gateway(running_gateway: GatewayProcess) -> AsyncIterator[GatewayProcess]:
    """The same, without sessions or agents after each test."""
    yield running_gateway
    await leave_tidy(running_gateway)
