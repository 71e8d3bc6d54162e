"""One side of a line that outlives its sockets.

Every message has a number, and is kept until the other side has acknowledged it. A socket begins with
``h N`` from either side: N is the last number that it has received, and the other goes on after it. Then
come

    m N MESSAGE     a message, numbered from 1 without a gap
    a N             all up to N has arrived
    e REASON        the end: nothing follows, on this socket or another

A message that comes a second time is passed over. So a line loses, doubles and reorders nothing for as long
as both sides live, however often its socket is cut.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from actors.errors import AgentProtocolError

MAX_FRAMES: Final = 2_048
MAX_BYTES: Final = 4 * 1024 * 1024
"""Unacknowledged: from here on the line is full, and whoever fills it has to wait."""
OVERFULL: Final = 4
MAX_REASON: Final = 200

Send = Callable[[bytes], Awaitable[None]]
Deliver = Callable[[bytes], Awaitable[None]]


class Line:
    """``on_room`` is called when a line that was full takes messages again."""

    def __init__(self, on_room: Callable[[], None] = lambda: None) -> None:
        self._kept: deque[bytes] = deque()
        self._bytes = 0
        self._sent = 0
        self._received = 0
        self._changed = asyncio.Event()
        self._on_room = on_room
        self.reason: str | None = None
        """Why the line has ended; None while it has not."""
        self.heard_end = False
        """Whether the other side has said that it is over."""

    @property
    def is_full(self) -> bool:
        """Whether the other side has too much to acknowledge yet."""
        return len(self._kept) >= MAX_FRAMES or self._bytes >= MAX_BYTES

    @property
    def is_overfull(self) -> bool:
        """Whether it is so by far that whoever cannot be held is better let go."""
        return len(self._kept) >= OVERFULL * MAX_FRAMES or self._bytes >= OVERFULL * MAX_BYTES

    def push(self, message: bytes) -> None:
        """Say something. It is kept even if the line is full: see ``is_full``."""
        self._sent += 1
        self._kept.append(message)
        self._bytes += len(message)
        self._changed.set()

    def end(self, reason: str) -> None:
        """Say that it is over, once all has been said. The first reason counts."""
        if self.reason is None:
            self.reason = reason[:MAX_REASON]
        self._changed.set()

    def greeting(self) -> bytes:
        """The first thing to be said on a socket."""
        return b"h %d" % self._received

    def greeted(self, greeting: bytes) -> int:
        """The first thing that the other side said on it: the number after which to go on.

        Raises AgentProtocolError where it wants what is not kept any more.
        """
        kind, number = _read_number(greeting)
        if kind != b"h" or not self._sent - len(self._kept) <= number <= self._sent:
            raise AgentProtocolError("the line cannot go on where the other side has left it")
        self._forget(number)
        return number

    async def write(self, send: Send, after: int) -> None:
        """Say all after a number, and what comes, on a socket; returns after the end was said."""
        told = self._received
        while True:
            self._changed.clear()
            while after < self._sent:
                first = self._sent - len(self._kept) + 1
                after = max(after + 1, first)
                await send(b"m %d %b" % (after, self._kept[after - first]))
            if self._received > told:
                told = self._received
                await send(b"a %d" % told)
            if self.reason is not None and after >= self._sent:
                await send(b"e " + self.reason.encode())
                return
            if not self._changed.is_set():
                await self._changed.wait()

    async def hear(self, frame: bytes, deliver: Deliver) -> None:
        """Take what came on a socket; a message that is new is delivered.

        Raises AgentProtocolError for what the other side cannot have said.
        """
        if frame.startswith(b"e "):
            self.heard_end = True
            self.end(frame[2:].decode(errors="replace"))
            return
        kind, number = _read_number(frame)
        if kind == b"a":
            if number > self._sent:
                raise AgentProtocolError("the line acknowledges what was never said")
            self._forget(number)
        elif kind != b"m" or number > self._received + 1:
            raise AgentProtocolError("the line left something out")
        elif number == self._received + 1:
            await deliver(frame.split(b" ", 2)[2])
            # Only now: a cut while it was delivered has it come again.
            self._received = number
            self._changed.set()

    def _forget(self, number: int) -> None:
        was_full = self.is_full
        while self._kept and self._sent - len(self._kept) < number:
            self._bytes -= len(self._kept.popleft())
        if was_full and not self.is_full:
            self._on_room()


def _read_number(frame: bytes) -> tuple[bytes, int]:
    parts = frame.split(b" ", 2)
    is_whole = len(parts) == (3 if parts[0] == b"m" else 2)
    if not is_whole or not parts[1].isdigit() or len(parts[1]) > 15:
        raise AgentProtocolError("the line has a form that is not known")
    return parts[0], int(parts[1])
