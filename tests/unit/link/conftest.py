"""Tests here run on a clock that jumps, but for those that open real sockets."""

import asyncio
from collections.abc import Callable

import pytest
from link_pipe import Pipe, Recorder

from actors.kernel.testing import ClockJumpLoop


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name == "test_link_endpoint.py":
        return {"real-clock": asyncio.new_event_loop}
    return {"jumping-clock": ClockJumpLoop}


@pytest.fixture
async def pipe() -> Pipe:
    """Two ends that have shaken hands."""
    pipe = Pipe(Recorder(), Recorder())
    await pipe.settle()
    assert pipe.caller.is_open
    assert pipe.listener.is_open
    return pipe
