"""The log of the journal's file is brought into the file beside the commits, and does not grow for ever."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.journal import sqlite_schema
from actors.journal.sqlite_checkpoints import Checkpoints

RESTART_PAGES = 50
COMMITS = 10
_BYTES = 6000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def writer(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite_schema.open_writer(file, "process")) as connection:
        yield connection


@pytest.fixture
async def checkpoints(file: Path, writer: sqlite3.Connection) -> AsyncIterator[Checkpoints]:
    made = Checkpoints(file, "process", COMMITS, RESTART_PAGES)
    yield made
    await made.close()


def write(connection: sqlite3.Connection, place: int) -> None:
    connection.execute("INSERT INTO blocks VALUES (?, 1, ?, zeroblob(?))", (place, place, _BYTES))


async def write_many(connection: sqlite3.Connection, checkpoints: Checkpoints, number: int) -> None:
    for place in range(1, number + 1):
        write(connection, place)
        checkpoints.committed()
        task = checkpoints._task
        if task is not None:
            await task


def log_bytes(file: Path) -> int:
    return file.with_name(f"{file.name}-wal").stat().st_size


async def test_the_log_stays_short_however_much_is_written(
    file: Path, writer: sqlite3.Connection, checkpoints: Checkpoints
):
    await write_many(writer, checkpoints, 1000)

    assert log_bytes(file) < 1_500_000
    assert file.stat().st_size > 6_000_000


async def test_without_checkpoints_the_log_would_hold_it_all(file: Path, writer: sqlite3.Connection):
    for place in range(1, 1001):
        write(writer, place)

    assert log_bytes(file) > 6_000_000


async def test_a_reader_in_the_log_holds_up_no_commit(
    file: Path, writer: sqlite3.Connection, checkpoints: Checkpoints
):
    write(writer, 100_000)
    with closing(sqlite_schema.open_reader(file)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT COUNT(*) FROM blocks").fetchone() == (1,)
        async with asyncio.timeout(20.0):
            await write_many(writer, checkpoints, 200)
        assert reader.execute("SELECT COUNT(*) FROM blocks").fetchone() == (1,)
    assert writer.execute("SELECT COUNT(*) FROM blocks").fetchone() == (201,)


async def test_a_file_that_is_gone_is_a_warning_and_no_more(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    checkpoints = Checkpoints(tmp_path / "none.db", "process", commits=1)
    checkpoints.committed()
    await checkpoints.close()

    assert "no checkpoint" in caplog.text
