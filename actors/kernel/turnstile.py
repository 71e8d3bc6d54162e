"""Lets a crowd through a few at a time, so that the first are through early instead of all of them late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turnstile:
    """``width`` are within at once. Who stays longer than ``patience_s`` seconds no longer counts.

    So nobody waits for one that hangs. It belongs to one event loop.
    """

    def __init__(self, width: int, patience_s: float) -> None:
        self._free = asyncio.Semaphore(width)
        self._patience_s = patience_s

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Wait until it is one's turn; in the order of coming."""
        await self._free.acquire()
        place = _Place(self._free)
        overdue = asyncio.get_running_loop().call_later(self._patience_s, place.leave)
        try:
            yield
        finally:
            overdue.cancel()
            place.leave()


class _Place:
    """Left once, whoever says so first."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free: asyncio.Semaphore | None = free

    def leave(self) -> None:
        free, self._free = self._free, None
        if free is not None:
            free.release()
