"""Which streams are to be read next: those that changed, as they came, and those that are due."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable


class Agenda:
    """Each stream is in it once, however often it changes. Bounded by how many streams there are."""

    def __init__(self) -> None:
        self._changed: dict[str, None] = {}
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._changed)

    def add(self, streams: Iterable[str]) -> None:
        """These have changed, or may have."""
        self._changed.update(dict.fromkeys(streams))
        if self._changed:
            self._filled.set()

    def remind(self, stream: str, at: float) -> None:
        """Look at a stream again at this time of the loop, if it has not changed by then."""
        if at < self._due.get(stream, float("inf")):
            self._due[stream] = at
            heapq.heappush(self._heap, (at, stream))
            self._filled.set()

    def take(self, now: float) -> dict[str, bool]:
        """All that is to be read now; whether it is only because it is due."""
        taken = dict.fromkeys(self._changed, False)
        self._changed.clear()
        while self._heap and self._heap[0][0] <= now:
            at, stream = heapq.heappop(self._heap)
            if self._due.get(stream) == at:
                del self._due[stream]
                taken.setdefault(stream, True)
        self._filled.clear()
        return taken

    async def wait(self) -> None:
        """Return when there is something to be read."""
        loop = asyncio.get_running_loop()
        while not self._changed:
            left = self._heap[0][0] - loop.time() if self._heap else None
            if left is not None and left <= 0:
                return
            try:
                async with asyncio.timeout(left):
                    await self._filled.wait()
                self._filled.clear()
            except TimeoutError:
                continue
