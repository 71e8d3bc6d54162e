"""Lines from whatever stdin is, for whoever asked last."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from topology.chat.lines import MAX_LINE_BYTES, Lines
from topology.connect.descriptors import Input


@asynccontextmanager
async def reading(fd: int) -> AsyncIterator[Lines]:
    lines = Lines(Input(fd))
    task = asyncio.create_task(lines.run())
    try:
        async with asyncio.timeout(5):
            yield lines
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        os.close(fd)


async def test_a_pipe_gives_its_lines_whole_and_then_its_end_for_ever() -> None:
    fd, write_fd = os.pipe()
    os.write(write_fd, b"one\r\ntw")
    async with reading(fd) as lines:
        assert await lines.next() == "one"
        os.write(write_fd, "o\n\nh\u00e4lf".encode())
        os.close(write_fd)
        assert [await lines.next() for _ in range(5)] == ["two", "", "h\u00e4lf", None, None]


async def test_a_plain_file_is_read_like_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "prompts").write_text("one\ntwo\n")
    async with reading(os.open(tmp_path / "prompts", os.O_RDONLY)) as lines:
        assert [await lines.next() for _ in range(3)] == ["one", "two", None]


async def test_no_input_at_all_is_its_end() -> None:
    async with reading(os.open(os.devnull, os.O_RDONLY)) as lines:
        assert await lines.next() is None


async def test_nothing_is_read_before_someone_asks() -> None:
    fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    os.write(write_fd, b"one\n")
    async with reading(fd):
        await asyncio.sleep(0)
        assert os.read(fd, 100) == b"one\n"
    os.close(write_fd)


async def test_who_asked_last_gets_the_line_and_the_first_the_next() -> None:
    fd, write_fd = os.pipe()
    async with reading(fd) as lines:
        first = asyncio.create_task(lines.next())
        await asyncio.sleep(0)
        last = asyncio.create_task(lines.next())
        await asyncio.sleep(0)
        os.write(write_fd, b"one\ntwo\n")
        assert await last == "one"
        assert await first == "two"
    os.close(write_fd)


async def test_who_no_longer_asks_takes_no_line() -> None:
    fd, write_fd = os.pipe()
    async with reading(fd) as lines:
        gone = asyncio.create_task(lines.next())
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        os.write(write_fd, b"one\n")
        assert await lines.next() == "one"
    os.close(write_fd)


async def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    (tmp_path / "endless").write_bytes(b"x" * (MAX_LINE_BYTES + 100_000))
    async with reading(os.open(tmp_path / "endless", os.O_RDONLY)) as lines:
        assert len(await lines.next() or "") < MAX_LINE_BYTES + 70_000
