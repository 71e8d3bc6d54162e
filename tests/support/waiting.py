"""Waiting for what no event tells of: other processes, files, counts that another process keeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

_POLL_S = 0.05


async def becomes_true(
    condition: Callable[[], bool] | Callable[[], Awaitable[bool]], within_s: float
) -> bool:
    """Whether ``condition`` holds at some moment of the next ``within_s`` seconds."""
    deadline = time.monotonic() + within_s
    while True:
        found = condition()
        if found if isinstance(found, bool) else await found:
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
