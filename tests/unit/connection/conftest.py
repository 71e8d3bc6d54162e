"""Every async test here runs on a loop whose clock jumps, with an agent and clients that are in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from session_world import FakeAgent, World
from slow_journal import SlowJournal

from actors.connection import port
from actors.kernel.testing import ClockJumpLoop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"jumping-clock": ClockJumpLoop}


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread takes real time, in which the clock would run away."""

    async def run_here(work: Callable[..., object], *given: object) -> object:
        return work(*given)

    monkeypatch.setattr(asyncio, "to_thread", run_here)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> FakeAgent:
    agent = FakeAgent()
    monkeypatch.setattr(port, "dial", agent.dial)
    return agent


@pytest.fixture
def loading(agent: FakeAgent) -> FakeAgent:
    """The agent, which can load its sessions."""
    return agent.offering(loadSession=True)


@pytest.fixture
def resuming(agent: FakeAgent) -> FakeAgent:
    """The agent, which can load and resume its sessions."""
    return agent.offering(loadSession=True, sessionCapabilities={"resume": {}})


@pytest.fixture
async def journal() -> SlowJournal:
    """The journal of ``world``; as quick as any until a test says otherwise."""
    return SlowJournal()


@pytest.fixture
async def world(agent: FakeAgent, journal: SlowJournal) -> AsyncIterator[World]:
    world = World(agent, journal)
    yield world
    journal.recover()
    await world.end()
