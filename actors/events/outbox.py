"""What waits to be posted: a process that has something to tell never waits for the feed."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from actors import errors
from actors.events.contract import LiveEvent, live_event, timestamp
from actors.journal.clock import epoch_ms

log = logging.getLogger("lumilink.events")

MAX_WAITING: Final = 10_000
MAX_ORDINARY: Final = 9_000
"""From here on only what is ``urgent`` still gets in."""
BATCH: Final = 200
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0
DROPPED: Final = "system:dropped"

Post = Callable[[Sequence[LiveEvent]], Awaitable[None]]


class Outbox:
    """Posts events in order and in batches, each until it is taken, or refused for good.

    If more waits than may, what comes then is dropped, and the feed says how much that was.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._waiting: deque[LiveEvent] = deque()
        self._filled = asyncio.Event()
        self._dropped: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, events: Sequence[LiveEvent], *, urgent: bool = False) -> None:
        """Post these as soon as can be."""
        limit = MAX_WAITING if urgent else MAX_ORDINARY
        room = max(0, limit - len(self._waiting))
        self._waiting.extend(events[:room])
        self._dropped.update(event.installation for event in events[room:])
        if self._waiting:
            self._filled.set()

    async def run(self) -> None:
        """Post what waits, for as long as the process lives."""
        while True:
            await self._filled.wait()
            while self._waiting:
                batch = [self._waiting[number] for number in range(min(BATCH, len(self._waiting)))]
                await self._post_until_taken(batch)
                for _ in batch:
                    self._waiting.popleft()
                self._tell_dropped()
            self._filled.clear()

    async def _post_until_taken(self, batch: Sequence[LiveEvent]) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self._post(batch)
                return
            except errors.LumiLinkError as error:
                if not error.retryable:
                    log.error("%d events are not posted: %s", len(batch), error)
                    return
                log.warning("%d events wait: %s", len(self._waiting), error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _tell_dropped(self) -> None:
        dropped, self._dropped = self._dropped, Counter()
        at = epoch_ms()
        for name, count in dropped.items():
            told = {"events": count, "timestamp": timestamp(at)}
            self._waiting.append(live_event(DROPPED, name, told, at))
