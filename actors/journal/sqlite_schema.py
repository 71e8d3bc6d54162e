"""The SQLite journal's file: its tables, their version, and connections to it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from actors.errors import SettingsError
from actors.journal.contract import Durability

VERSION: Final = 3
"""``user_version`` of the file. Raised with every change of the tables or of what lies in them, with a step
that migrates."""

BUSY_S: Final = 5.0
"""How long a commit waits for the commits of other processes."""
_BUSY_PAUSE_S: Final = 0.01
_PAGE_BYTES: Final = 8192
"""Two writes a page of the log: with 8 KB, half as many as SQLite's usual 4 KB, 6 % less CPU an event."""
_CHECKPOINT_PAGES: Final = 32_000
"""A commit makes a checkpoint only where ``sqlite_checkpoints.py`` did not: at 256 MB of log."""
_CHECKPOINT_BUSY_S: Final = 0.02
"""Commits wait while a checkpoint waits for readers, so that is not long."""
_SYNCHRONOUS: Final[dict[Durability, str]] = {"process": "NORMAL", "disk": "FULL"}

# Blocks lie in the order of their arrival, whatever their stream, so that a commit over fifty streams writes
# a few pages instead of fifty; only the narrow index is spread. That halves what an append costs.
# AUTOINCREMENT: the number of a deleted stream is never given to another.
_TABLES: Final = (
    """CREATE TABLE streams (
        stream_no INTEGER PRIMARY KEY AUTOINCREMENT,
        stream TEXT NOT NULL UNIQUE,
        workspace TEXT NOT NULL,
        epoch TEXT NOT NULL,
        first_kept INTEGER NOT NULL DEFAULT 1,
        last_seq INTEGER NOT NULL DEFAULT 0,
        payload_bytes INTEGER NOT NULL DEFAULT 0)""",
    "CREATE TABLE records (stream_no INTEGER PRIMARY KEY, meta BLOB NOT NULL)",
    """CREATE TABLE blocks (
        place INTEGER PRIMARY KEY,
        stream_no INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        block BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX blocks_by_seq ON blocks (stream_no, last_seq)",
    """CREATE TABLE placements (
        workspace TEXT PRIMARY KEY,
        worker TEXT NOT NULL,
        fence INTEGER NOT NULL,
        expires_at INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX placements_by_worker ON placements (worker)",
)


def open_writer(path: Path, durability: Durability) -> sqlite3.Connection:
    """A connection that may write; makes the file and its tables if they are not there."""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a file that is made now
        _use_wal(connection)
        connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
        # What is deleted is overwritten. Debian's SQLite does so anyway, others only if told.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        if _version_of(connection) != VERSION:
            _make_tables(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_checkpointer(path: Path, durability: Durability) -> sqlite3.Connection:
    """A connection for checkpoints, to a file that a writer has made."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    timeout = _CHECKPOINT_BUSY_S
    connection = sqlite3.connect(
        uri, timeout=timeout, isolation_level=None, check_same_thread=False, uri=True
    )
    try:
        connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, to a file that a writer has made."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, timeout=BUSY_S, isolation_level=None, check_same_thread=False, uri=True)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing of what is written inside. Takes the write lock at once, so nothing read goes stale."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After some errors, a full disk for one, SQLite has rolled back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is read inside is of one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Where several make the file at once, this is the one step for which SQLite itself does not wait."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # its extended codes included
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_PAUSE_S)
        else:
            return


def _version_of(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _make_tables(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        version = _version_of(connection)  # again: another process may have made them meanwhile
        if version == VERSION:
            return
        if version != 0:
            raise SettingsError(f"the journal's file has version {version}, expected {VERSION} or none")
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
