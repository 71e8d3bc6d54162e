"""The user's lines, be they typed or piped: read one at a time, and only when someone wants one."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from topology.connect.descriptors import Input

MAX_LINE_BYTES: Final = 1024 * 1024
"""What is longer counts as a line even before it ends."""


class Lines:
    """Hands each line to whoever asked last: a question of the agent goes before the prompt.

    ``run`` is the task that reads; it belongs to whoever made this.
    """

    def __init__(self, source: Input) -> None:
        self._source = source
        self._lines: deque[str] = deque()
        self._partial = b""
        self._at_end = False
        self._askers: list[asyncio.Future[str | None]] = []
        self._wanted = asyncio.Event()

    async def next(self) -> str | None:
        """The next line without its end; ``None`` at the end of input."""
        asker: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._askers.append(asker)
        self._wanted.set()
        try:
            return await asker
        finally:
            self._askers.remove(asker)

    async def run(self) -> None:
        """Read as long as lines are wanted."""
        while True:
            asker = await self._asker()
            if not self._lines and not self._at_end:
                await self._read()
            elif not asker.done():
                asker.set_result(self._lines.popleft() if self._lines else None)

    async def _asker(self) -> asyncio.Future[str | None]:
        while True:
            for asker in reversed(self._askers):
                if not asker.done():
                    return asker
            self._wanted.clear()
            await self._wanted.wait()

    async def _read(self) -> None:
        chunk = await self._source.read()
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        self._at_end = not chunk
        if self._partial and (self._at_end or len(self._partial) >= MAX_LINE_BYTES):
            lines.append(self._partial)
            self._partial = b""
        self._lines.extend(line.decode("utf-8", "replace").rstrip("\r") for line in lines)
