"""Entries of one append lie together, and are read, repeated and trimmed one by one all the same."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.journal.conformance import append, payloads, written
from unit.journal.sqlite_store import SqliteStore

from actors.journal import NewEntry, StreamAppend
from actors.journal.sqlite_blocks import BLOCK_BYTES, BLOCK_ENTRIES, decode, divided, encode


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore(tmp_path / "journal.db").start()
    yield store
    await store.journal.close()


def blocks_of(store: SqliteStore) -> list[list[str]]:
    """The payloads in each block of the file."""
    connection = sqlite3.connect(store.path)
    rows = connection.execute("SELECT block FROM blocks ORDER BY place").fetchall()
    connection.close()
    return [[entry.payload.decode() for entry in decode(block)] for (block,) in rows]


SIZES = (0, 1, 300, BLOCK_BYTES // 3, BLOCK_BYTES, 2 * BLOCK_BYTES)


@given(
    sizes=st.lists(st.sampled_from(SIZES), max_size=100)
    | st.lists(st.just(1), min_size=BLOCK_ENTRIES, max_size=200)
)
def test_a_divided_append_has_all_entries_in_blocks_within_their_limits(sizes: list[int]):
    entries = [NewEntry("k", bytes(size), at) for at, size in enumerate(sizes)]

    blocks = divided(entries, sum(sizes))

    assert [entry for block in blocks for entry in block] == entries
    for block in blocks:
        assert 1 <= len(block) <= BLOCK_ENTRIES
        assert sum(len(entry.payload) for entry in block[:-1]) < BLOCK_BYTES


def test_a_block_keeps_every_field():
    entries = [NewEntry("kind é", bytes(range(256)), (1 << 63) - 1), NewEntry("", b"", -1)]

    assert decode(encode(entries)) == entries


async def test_an_append_of_a_session_is_one_block(store: SqliteStore):
    await written(store.journal, append("s", 1, *"abc"), append("t", 1, "x"), append("s", 4, "d"))

    assert blocks_of(store) == [["a", "b", "c"], ["x"], ["d"]]


async def test_a_trim_inside_of_a_block_leaves_nothing_of_what_it_drops(store: SqliteStore):
    await written(store.journal, append("s", 1, *"abcde"), append("s", 6, *"fg"))

    await store.journal.trim("s", keep_count=4)

    assert blocks_of(store) == [["d", "e"], ["f", "g"]]


async def test_a_record_alone_has_no_block(store: SqliteStore):
    await written(store.journal, append("s", 1, meta=b"record"))

    assert blocks_of(store) == []


async def test_a_large_append_is_read_in_pages_and_repeated_over_its_blocks(store: SqliteStore):
    said = [f"{n}".ljust(3000) for n in range(150)]
    large = append("s", 1, *said)
    await written(store.journal, large)
    assert len(blocks_of(store)) == 7  # of 22 entries each, which fill BLOCK_BYTES

    (again,) = await written(store.journal, large)
    (part,) = await written(store.journal, StreamAppend("s", "w", 1, 20, large.entries[19:60]))

    assert (again.last_seq, part.last_seq) == (150, 60)
    page = await store.journal.read("s", 17, limit_entries=40, limit_bytes=1 << 30)
    assert payloads(page) == said[17:57]
    page = await store.journal.read("s", 17, limit_bytes=90_000)
    assert payloads(page) == said[17:47]
