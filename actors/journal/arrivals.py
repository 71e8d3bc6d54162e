"""Waiting for a stream to grow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager

from actors.journal.contract import Page


class Arrivals:
    """Wakes those who wait for a stream, when this process has written to it.

    Writers in other processes wake nobody here, so a waiter looks again every ``poll_s`` seconds.
    """

    def __init__(self, poll_s: float) -> None:
        self._poll_s = poll_s
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def tell(self, streams: Iterable[str]) -> None:
        """These streams have grown."""
        if self._waiting:
            for stream in streams:
                for event in self._waiting.get(stream, ()):
                    event.set()

    async def tail(self, stream: str, deadline_s: float, read: Callable[[], Awaitable[Page]]) -> Page:
        """Call ``read`` until its page is past where it began or ``deadline_s`` is over; returns the last."""
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline_s
        while True:
            # Listening begins before the reading, so that nothing that is written in between is missed.
            with self._listen(stream) as arrived:
                page = await read()
                left = until - loop.time()
                if page.last_seq > page.after_seq or left <= 0:
                    return page
                await _wait(arrived, min(left, self._poll_s))

    @contextmanager
    def _listen(self, stream: str) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        listeners = self._waiting.setdefault(stream, set())
        listeners.add(event)
        try:
            yield event
        finally:
            listeners.discard(event)
            if not listeners and self._waiting.get(stream) is listeners:
                del self._waiting[stream]


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        pass
