"""Tests here run on a clock that jumps, but for those that open real sockets."""

import asyncio
from collections.abc import Callable

import pytest

from actors.kernel.testing import ClockJumpLoop


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name in ("test_webhook.py", "test_mail.py", "test_feed_stores.py"):
        return {"real-clock": asyncio.new_event_loop}
    return {"jumping-clock": ClockJumpLoop}
