"""A worker's inside without a socket and without an agent's process."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from worker_world import EchoAgent, SharedJournal, Worker

from actors import storage
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
def journal(monkeypatch: pytest.MonkeyPatch) -> SharedJournal:
    """The one journal of all workers that are made after it."""
    shared = SharedJournal()

    async def open_journal(url: str, durability: str) -> SharedJournal:
        return shared

    monkeypatch.setattr(storage, "open_journal", open_journal)
    return shared


@pytest.fixture
async def worker(agents: list[EchoAgent]) -> AsyncIterator[Worker]:
    worker = await Worker().start()
    yield worker
    await worker.end()
