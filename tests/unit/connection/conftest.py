"""Every async test here runs on a loop whose clock jumps, with an agent and clients that are in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from session_world import FakeAgent, World

from actors.connection import port
from actors.kernel.testing import ClockJumpLoop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"jumping-clock": ClockJumpLoop}


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> FakeAgent:
    agent = FakeAgent()
    monkeypatch.setattr(port, "dial", agent.dial)
    return agent


@pytest.fixture
async def world(agent: FakeAgent) -> AsyncIterator[World]:
    world = World(agent)
    yield world
    await world.end()
