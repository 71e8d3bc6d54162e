"""How much memory a process takes while something happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import psutil

_POLL_S: Final = 0.1


class Growth:
    """By how many resident bytes a process has grown at most since ``before``."""

    def __init__(self, process: psutil.Process) -> None:
        self.bytes = 0
        self._process = process
        self._before: int = process.memory_info().rss

    async def watch(self) -> None:
        """Look again and again, for ever."""
        while True:
            self.look()
            await asyncio.sleep(_POLL_S)

    def look(self) -> None:
        """Look once."""
        self.bytes = max(self.bytes, self._process.memory_info().rss - self._before)


@asynccontextmanager
async def highest_memory(process: psutil.Process) -> AsyncIterator[Growth]:
    """The growth of a process from the block's beginning on, looked at until its end."""
    growth = Growth(process)
    watching = asyncio.create_task(growth.watch())
    try:
        yield growth
        growth.look()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
