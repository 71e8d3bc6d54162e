"""A worker's inside without a socket and without an agent's process."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from worker_world import EchoAgent, Worker

from actors.connection import port
from actors.kernel.testing import ClockJumpLoop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"jumping-clock": ClockJumpLoop}


@pytest.fixture
def agents(monkeypatch: pytest.MonkeyPatch) -> list[EchoAgent]:
    """Every agent that was dialled, in order."""
    dialled: list[EchoAgent] = []

    async def dial(target: object, listener: object, options: object) -> EchoAgent:
        agent = EchoAgent(listener)  # type: ignore[arg-type] # the listener of the port
        dialled.append(agent)
        return agent

    monkeypatch.setattr(port, "dial", dial)
    return dialled


@pytest.fixture
async def worker(agents: list[EchoAgent]) -> AsyncIterator[Worker]:
    worker = Worker()
    yield worker
    await worker.end()
