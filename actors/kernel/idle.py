"""Noticing that an actor is idle, for the price of one timer an idle period and nothing a message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from actors.kernel.inbox import Inbox


class IdleWatch:
    """Calls ``passivate`` after ``idle_after_s`` without activity; again later if it returns False."""

    __slots__ = ("_handle", "_idle_after_s", "_inbox", "_loop", "_passivate")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        inbox: Inbox,
        idle_after_s: float,
        passivate: Callable[[], bool],
    ) -> None:
        self._loop = loop
        self._inbox = inbox
        self._idle_after_s = idle_after_s
        self._passivate = passivate
        self._handle = loop.call_at(inbox.last_active + idle_after_s, self._check)

    def cancel(self) -> None:
        """Stop watching."""
        self._handle.cancel()

    def _check(self) -> None:
        now = self._loop.time()
        due = self._inbox.last_active + self._idle_after_s
        if due > now:
            self._handle = self._loop.call_at(due, self._check)
        elif not self._passivate():
            self._handle = self._loop.call_at(now + self._idle_after_s, self._check)
