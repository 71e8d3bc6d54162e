"""Every async test here runs on a loop whose clock jumps, and leaves no task behind."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from scripted import assert_nothing_is_left

from actors.kernel import ActorSystem
from actors.kernel.testing import ClockJumpLoop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"jumping-clock": ClockJumpLoop}


@pytest.fixture
def escalated() -> list[BaseException]:
    return []


@pytest.fixture
async def system(escalated: list[BaseException]) -> AsyncIterator[ActorSystem]:
    system = ActorSystem(on_escalation=escalated.append, chance=lambda: 0.0)
    yield system
    await system.stop(10.0)
    assert system.statistics().tasks == 0
    assert_nothing_is_left()
