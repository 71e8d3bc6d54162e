"""Time passes only where everything waits for it."""

import asyncio
from collections.abc import Callable

from actors.kernel.testing import ClockJumpLoop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"jumping-clock": ClockJumpLoop}
