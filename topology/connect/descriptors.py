"""Reading and writing what a process was started with: pipes, terminals, sockets or plain files.

The terminal is left in blocking mode, because its other users (a shell, our own stderr) share that mode.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from typing import Final

_CHUNK_BYTES: Final = 64 * 1024
MAX_UNREAD_BYTES: Final = 1024 * 1024


class Input:
    """The reading end of a file descriptor; one reader at a time."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    async def read(self) -> bytes:
        """What there is, at most 64 KiB; nothing at the end."""
        await self._readable()
        try:
            return os.read(self._fd, _CHUNK_BYTES)
        except OSError:  # a terminal that was closed
            return b""

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        try:
            loop.add_reader(self._fd, readable.set)
        except PermissionError:
            return  # a plain file, or /dev/null: always readable, so nobody can be told when
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._fd)


class Output:
    """The writing end of a file descriptor. What its reader does not take waits here.

    ``on_room`` is called when it has taken all of it, ``on_broken`` when there is no reader any more.
    """

    def __init__(self, fd: int, on_room: Callable[[], None], on_broken: Callable[[], None]) -> None:
        self._fd = fd
        self._on_room = on_room
        self._on_broken = on_broken
        self._waiting = bytearray()
        self._is_watching = False
        self._is_broken = False
        mode = os.fstat(fd).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            os.set_blocking(fd, False)

    @property
    def is_full(self) -> bool:
        """Whether over 1 MiB waits: time to stop producing."""
        return len(self._waiting) >= MAX_UNREAD_BYTES

    @property
    def is_drained(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def write(self, line: bytes) -> None:
        """Write one message as a line."""
        if b"\n" in line or b"\r" in line:
            # Within JSON strings a line end is always escaped, so this one only made the text pretty.
            line = line.replace(b"\n", b" ").replace(b"\r", b" ")
        if not self._is_broken:
            self._waiting += line + b"\n"
        if not self._is_watching:
            self._flush()

    def close(self) -> None:
        """Stop writing; what waits is dropped."""
        self._is_broken = True
        self._unwatch()

    def _flush(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: os.write(self._fd, self._waiting[:_CHUNK_BYTES])]
        except BlockingIOError:
            if not self._is_watching:
                self._is_watching = True
                asyncio.get_running_loop().add_writer(self._fd, self._flush)
            return
        except OSError:
            self._is_broken = True
            self._waiting.clear()
            self._unwatch()
            self._on_broken()
            return
        self._unwatch()

    def _unwatch(self) -> None:
        if self._is_watching:
            self._is_watching = False
            asyncio.get_running_loop().remove_writer(self._fd)
            self._on_room()
