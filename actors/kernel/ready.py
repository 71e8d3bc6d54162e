"""The ready queue: all actors with messages to handle, served in turn by one callback of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol


class TakesTurns(Protocol):
    """What waits in the ready queue."""

    def take_turn(self, limit: int, now: float) -> None:
        """Handle at most ``limit`` messages; ``now`` is the loop's time in seconds."""


class ReadyQueue:
    """Serves each waiting actor once a pass: up to ``messages_per_turn`` messages each.

    A pass that has taken ``pass_limit_s`` leaves the rest to the next turn of the loop, so that
    sockets and timers are never kept waiting for long.
    """

    __slots__ = ("_armed", "_loop", "_messages_per_turn", "_pass_limit_s", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, messages_per_turn: int, pass_limit_s: float) -> None:
        self._loop = loop
        self._messages_per_turn = messages_per_turn
        self._pass_limit_s = pass_limit_s
        self._waiting: deque[TakesTurns] = deque()
        self._armed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, actor: TakesTurns) -> None:
        """Put ``actor`` at the end of the queue. The caller sees to it that it is in there only once."""
        self._waiting.append(actor)
        if not self._armed:
            self._armed = True
            self._loop.call_soon(self._serve)

    def _serve(self) -> None:
        waiting = self._waiting
        now = self._loop.time()
        end = now + self._pass_limit_s
        try:
            for _ in range(len(waiting)):  # who comes back during the pass waits for the next one
                waiting.popleft().take_turn(self._messages_per_turn, now)
                now = self._loop.time()
                if now >= end:
                    break
        finally:
            self._armed = bool(waiting)
            if waiting:
                self._loop.call_soon(self._serve)
