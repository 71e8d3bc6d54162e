"""What is committed outlives the process, and a disk that fails does no harm once it is back."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from unit.journal.conformance import append, payloads, written
from unit.journal.sqlite_store import SqliteStore

from actors.errors import JournalUnavailableError, SettingsError
from actors.journal import NewEntry, StreamAppend
from actors.journal.sqlite import SqliteJournal

APPENDING = Path(__file__).with_name("appending_process.py")
ROOT = Path(__file__).parents[3]
STREAMS = 5
TMPFS_BYTES = 4 << 20


def acknowledged_until_killed(path: Path, lines: int) -> dict[str, int]:
    """Run a process that appends, kill it after so many lines; the last seq that each stream was told."""
    process = subprocess.Popen(
        [sys.executable, str(APPENDING), str(path), str(STREAMS), "3"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    told += process.stdout.readlines()
    process.stdout.close()
    process.wait(10)
    complete = [line.split() for line in told if line.endswith("\n")]
    assert len(complete) >= lines
    return {name: int(seq) for name, seq in complete}


async def test_all_that_was_acknowledged_is_there_after_kill_nine(tmp_path: Path):
    path = tmp_path / "journal.db"
    chance = random.Random(7)
    for _ in range(3):
        told = await asyncio.to_thread(acknowledged_until_killed, path, chance.randrange(20, 400))
        journal = await SqliteJournal.open(path)
        for name, last_seq in told.items():
            page = await journal.read(name, 0, limit_entries=100_000)
            assert page.last_seq >= last_seq
            assert [entry.seq for entry in page.entries] == list(range(1, page.last_seq + 1))
            assert all(entry.payload == b"%d" % entry.seq for entry in page.entries)
            assert page.last_seq % 3 == 0  # no append is there in part
        await journal.close()


async def test_two_journals_on_one_file_see_and_fence_each_other(tmp_path: Path):
    one = await SqliteStore(tmp_path / "journal.db").start()
    two = await SqliteStore(tmp_path / "journal.db").start()
    await written(one.journal, append("s", 1, "a"))
    waiting = asyncio.create_task(two.journal.tail("s", 1, deadline_s=5.0))
    appends = [one.journal.append([append(f"x{n}", 1, "x")]) for n in range(20)]
    appends += [two.journal.append([append(f"y{n}", 1, "y")]) for n in range(20)]
    await asyncio.gather(*appends)
    granted = await two.journal.acquire("v", "worker-2", 60.0)

    await written(one.journal, append("s", 2, "b"))

    assert payloads(await waiting) == ["b"]
    assert await one.journal.lookup("v") == granted
    assert len(await one.journal.streams()) == 41
    await one.journal.close()
    await two.journal.close()


async def test_several_may_make_the_file_at_once(tmp_path: Path):
    stores = [SqliteStore(tmp_path / "journal.db") for _ in range(8)]

    await asyncio.gather(*(store.start() for store in stores))

    for number, store in enumerate(stores):
        await written(store.journal, append(f"s{number}", 1, "a"))
        await store.journal.close()


async def test_a_file_that_another_holds_is_busy_and_then_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("actors.journal.sqlite_schema.BUSY_S", 0.01)
    store = await SqliteStore(tmp_path / "journal.db").start()
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(JournalUnavailableError, match="SQLITE_BUSY"):
        await store.journal.append([append("s", 1, "a")])
    assert payloads(await store.journal.read("s", 0)) == []

    other.close()
    await written(store.journal, append("s", 1, "a"))
    await store.journal.close()


async def test_an_append_that_cannot_be_stored_leaves_nothing_of_its_commit(tmp_path: Path):
    store = await SqliteStore(tmp_path / "journal.db").start()

    with pytest.raises(UnicodeEncodeError):
        await store.journal.append([append("s", 1, "a"), append("half a \ud800 pair", 1, "x")])

    assert await store.journal.head("s") is None
    await written(store.journal, append("s", 1, "a"))
    await store.journal.close()


@pytest.mark.parametrize("version", [1, 99])
async def test_a_file_of_another_version_is_refused_at_opening(tmp_path: Path, version: int):
    path = tmp_path / "journal.db"
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA user_version = {version}")
    other.close()

    with pytest.raises(SettingsError, match=f"version {version}"):
        await SqliteJournal.open(path)


async def test_what_is_no_database_is_told_at_opening(tmp_path: Path):
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database, by any means" * 100)

    with pytest.raises(JournalUnavailableError, match="SQLITE_NOTADB"):
        await SqliteJournal.open(path)
    with pytest.raises(JournalUnavailableError, match="SQLITE_CANTOPEN"):
        await SqliteJournal.open(tmp_path / "missing" / "journal.db")


async def test_disk_durability_syncs_every_commit(tmp_path: Path):
    store = await SqliteStore(tmp_path / "journal.db", "disk").start()

    synchronous = await store.journal._writer.run(
        lambda connection: connection.execute("PRAGMA synchronous").fetchone()[0], 5.0
    )

    assert synchronous == 2  # FULL
    await store.journal.close()


@contextmanager
def small_tmpfs(folder: Path) -> Iterator[None]:
    """A disk of a few megabytes."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a file system is not permitted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def no_room_on_tmpfs(folder: Path) -> Iterator[None]:
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def no_room_by_limit(folder: Path) -> Iterator[None]:
    """No file of this process may grow past what the journal's have now."""
    size = max(path.stat().st_size for path in folder.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def outlives(path: Path, no_room: AbstractContextManager[None]) -> None:
    journal = await SqliteJournal.open(path)
    await written(journal, append("s", 1, "a"))
    large = [NewEntry("k", bytes(200_000), 1) for _ in range(10)]
    with no_room:
        with pytest.raises(JournalUnavailableError):
            await journal.append([append("t", 1, "x"), StreamAppend("s", "w", 1, 2, large)])
        assert payloads(await journal.read("s", 0)) == ["a"]
        assert await journal.head("t") is None

    await written(journal, append("t", 1, "x"), StreamAppend("s", "w", 1, 2, large))
    assert (await journal.read("s", 0)).last_seq == 11
    await journal.close()


async def test_a_full_disk_refuses_the_whole_commit_and_works_again_with_room(tmp_path: Path):
    with small_tmpfs(tmp_path):
        await outlives(tmp_path / "journal.db", no_room_on_tmpfs(tmp_path))


async def test_a_file_that_may_not_grow_refuses_the_whole_commit_and_works_again(tmp_path: Path):
    # The limit is taken when it is entered, after the journal has made its files.
    await outlives(tmp_path / "journal.db", no_room_by_limit(tmp_path))
