"""A SQLite journal remembers streams' rows between its commits, and only as long as they are true."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from actors.journal.contract import Appended, NewEntry, Refused, StreamAppend
from actors.journal.sqlite import SqliteJournal

STREAM, WORKSPACE = "tenant/ses_1", "tenant/ws_1"


@asynccontextmanager
async def two_journals(path: Path) -> AsyncIterator[tuple[SqliteJournal, SqliteJournal]]:
    first, second = await SqliteJournal.open(path), await SqliteJournal.open(path)
    try:
        yield first, second
    finally:
        await first.close()
        await second.close()


def entry(first_seq: int, fence: int = 1) -> StreamAppend:
    return StreamAppend(STREAM, WORKSPACE, fence, first_seq, [NewEntry("update", b"x", first_seq)])


async def append(journal: SqliteJournal, one: StreamAppend) -> Appended | Refused:
    (result,) = await journal.append([one])
    return result


async def test_what_another_process_appended_is_seen(tmp_path: Path) -> None:
    async with two_journals(tmp_path / "journal.db") as (first, second):
        await append(first, entry(1))
        await append(second, entry(2))

        assert isinstance(await append(first, entry(2)), Appended), "it is there already"
        assert isinstance(await append(first, entry(3)), Appended)
        head = await second.head(STREAM)
        assert head is not None
        assert (head.last_seq, head.payload_bytes) == (3, 3)


@pytest.mark.parametrize("taker", [0, 1])
async def test_a_fence_that_rose_between_two_commits_is_seen(tmp_path: Path, taker: int) -> None:
    async with two_journals(tmp_path / "journal.db") as journals:
        await append(journals[0], entry(1))
        placement = await journals[taker].acquire(WORKSPACE, "worker", 60.0)
        again = await journals[taker].acquire(WORKSPACE, "other", 60.0, frozenset({"worker"}))

        assert again.fence > placement.fence
        assert isinstance(await append(journals[0], entry(2)), Refused)
        assert isinstance(await append(journals[0], entry(2, again.fence)), Appended)


@pytest.mark.parametrize("deleter", [0, 1])
async def test_a_deleted_stream_is_begun_anew(tmp_path: Path, deleter: int) -> None:
    async with two_journals(tmp_path / "journal.db") as journals:
        old = await append(journals[0], entry(1))
        await journals[deleter].delete(STREAM)

        assert isinstance(await append(journals[0], entry(2)), Refused)
        new = await append(journals[0], entry(1))
        assert isinstance(old, Appended)
        assert isinstance(new, Appended)
        assert new.epoch != old.epoch


@pytest.mark.parametrize("trimmer", [0, 1])
async def test_the_size_of_a_trimmed_stream_stays_right(tmp_path: Path, trimmer: int) -> None:
    async with two_journals(tmp_path / "journal.db") as journals:
        for seq in (1, 2, 3):
            await append(journals[0], entry(seq))
        await journals[trimmer].trim(STREAM, keep_count=1)
        await append(journals[0], entry(4))

        size = await journals[0].size(STREAM)
        assert (size.entries, size.payload_bytes) == (2, 2)
        head = await journals[0].head(STREAM)
        assert head is not None
        assert head.payload_bytes == 2


async def test_a_batch_that_failed_leaves_nothing_believed(tmp_path: Path) -> None:
    async with two_journals(tmp_path / "journal.db") as (first, second):
        await append(first, entry(1))
        with pytest.raises(AttributeError):
            await first.append([entry(2), None])  # type: ignore[list-item] # fails after the first was taken

        assert isinstance(await append(first, entry(2)), Appended)
        assert isinstance(await append(second, entry(3)), Appended)
