"""Every async test here runs on a loop whose clock jumps, with an agent and clients that are in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from fake_agent import HttpAgent
from session_world import FakeAgent, World
from slow_journal import SlowJournal

from actors.agents.link import AgentLink, AgentListener, DialOptions
from actors.agents.target import AgentTarget, TargetKind
from actors.connection import carrying, port
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
def http(agent: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> HttpAgent:
    """The agent of the same container over HTTP; ``agent`` is the one over ACP."""
    http = HttpAgent()

    async def dial(target: AgentTarget, listener: AgentListener, options: DialOptions) -> AgentLink:
        there = http if target.kind is TargetKind.AGENTAPI else agent
        return await there.dial(target, listener, options)

    monkeypatch.setattr(port, "dial", dial)
    monkeypatch.setattr(carrying, "is_listening", http.listens)
    return http


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
