"""Posting live events once their records are there: in order, and never in the way of the records."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from actors import errors
from actors.events.contract import LiveEvent
from actors.projector.derived import log

MOST_WAITING: Final = 10_000
"""Events. What comes then is not told live; its records are there."""
BATCH: Final = 200
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0

Post = Callable[[Sequence[LiveEvent]], Awaitable[None]]


class Teller:
    """Posts batches until each is taken; a repeat is harmless, as an event has an id of its own."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._waiting: deque[tuple[Sequence[LiveEvent], Callable[[], None]]] = deque()
        self._events = 0
        self._filled = asyncio.Event()

    def put(self, events: Sequence[LiveEvent], told: Callable[[], None]) -> None:
        """Post these as soon as can be; ``told`` is called once they are, or will never be."""
        if self._events + len(events) > MOST_WAITING:
            log.error("%d live events are not told: too many wait", len(events))
            told()
            return
        self._events += len(events)
        self._waiting.append((events, told))
        self._filled.set()

    async def run(self) -> None:
        """Post what waits, for as long as the process lives."""
        while True:
            await self._filled.wait()
            while self._waiting:
                taken = self._take()
                await self._post_until_taken([event for events, _ in taken for event in events])
                for events, told in taken:
                    self._events -= len(events)
                    told()
            self._filled.clear()

    def _take(self) -> list[tuple[Sequence[LiveEvent], Callable[[], None]]]:
        taken: list[tuple[Sequence[LiveEvent], Callable[[], None]]] = []
        size = 0
        while self._waiting and (not taken or size + len(self._waiting[0][0]) <= BATCH):
            taken.append(self._waiting.popleft())
            size += len(taken[-1][0])
        return taken

    async def _post_until_taken(self, events: Sequence[LiveEvent]) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self._post(events)
                return
            except errors.LumiLinkError as error:
                if not error.retryable:
                    log.error("%d live events are not told: %s", len(events), error)
                    return
                log.warning("%d live events wait: %s", self._events, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
