"""A commit of the SQLite journal: what a batch of appends does to the tables."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from typing import Final

from msgspec import Struct

from actors.journal import refusals, sqlite_blocks
from actors.journal.contract import Appended, AppendResult, StreamAppend
from actors.journal.sqlite_schema import transaction

_HEAD: Final = (
    "SELECT stream_no, workspace, epoch, last_seq, payload_bytes, IFNULL(fence, 0)"
    " FROM streams LEFT JOIN placements USING (workspace) WHERE stream = ?"
)


MAX_KNOWN: Final = 4096
"""Of so many streams an appender remembers the row at most."""


class Appender:
    """Appends batches for one journal, on its writing connection.

    What it knows of streams' rows it need not read again as long as nobody has written but it: another
    connection's commits show in ``data_version``, other jobs of this one in ``total_changes``.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Head] = {}
        self._as_of: tuple[sqlite3.Connection, int, int] | None = None

    def append(self, connection: sqlite3.Connection, batch: Sequence[StreamAppend]) -> list[AppendResult]:
        """See ``Journal.append``."""
        before, self._as_of = self._as_of, None
        with transaction(connection):
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if before != (connection, version, connection.total_changes) or len(self._known) > MAX_KNOWN:
                self._known = {}
            commit = _Commit(connection, self._known)
            results = [commit.take(append) for append in batch]
            commit.write()
        # Our own commit does not change it, and nobody else could write until now.
        self._as_of = (connection, version, connection.total_changes)
        return results


class _Head(Struct):
    """A stream's row while the batch is gone through, and the newest fence of its workspace."""

    stream_no: int
    workspace: str
    epoch: str
    last_seq: int
    payload_bytes: int
    newest_fence: int


class _Commit:
    """Checks each append against the rows as they will be, and writes all that passed at the end."""

    def __init__(self, connection: sqlite3.Connection, known: dict[str, _Head]) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._known = known
        self._changed: dict[str, _Head] = {}
        self._blocks: list[tuple[int, int, bytes]] = []
        self._metas: list[tuple[int, bytes]] = []

    def take(self, append: StreamAppend) -> AppendResult:
        head = self._head(append.stream) or self._unwritten(append)
        if head.workspace != append.workspace:
            return refusals.by_workspace(append)
        if append.fence < head.newest_fence:
            return refusals.by_fence(append, head.newest_fence)
        if append.first_seq != head.last_seq + 1:
            if not self._is_there(append, head):
                return refusals.by_seq(append, head.last_seq)
            return Appended(append.stream, head.epoch, append.last_seq)
        if not head.stream_no:
            self._begin(append.stream, head)
        self._changed[append.stream] = head
        self._add(append, head)
        if append.meta is not None:
            self._metas.append((head.stream_no, append.meta))
        return Appended(append.stream, head.epoch, head.last_seq)

    def _add(self, append: StreamAppend, head: _Head) -> None:
        payload_bytes = sum([len(entry.payload) for entry in append.entries])
        head.payload_bytes += payload_bytes
        for block in sqlite_blocks.divided(append.entries, payload_bytes):
            head.last_seq += len(block)
            self._blocks.append((head.stream_no, head.last_seq, sqlite_blocks.encode(block)))

    def write(self) -> None:
        """Put into the tables what was taken."""
        self._write_blocks()
        self._cursor.executemany(
            "UPDATE streams SET last_seq = ?, payload_bytes = ? WHERE stream_no = ?",
            [(head.last_seq, head.payload_bytes, head.stream_no) for head in self._changed.values()],
        )
        self._cursor.executemany(
            "INSERT OR REPLACE INTO records (stream_no, meta) VALUES (?, ?)", self._metas
        )

    def _write_blocks(self) -> None:
        self._cursor.executemany(
            "INSERT INTO blocks (stream_no, last_seq, block) VALUES (?, ?, ?)", self._blocks
        )
        self._blocks.clear()

    def _head(self, stream: str) -> _Head | None:
        head = self._known.get(stream)
        if head is None:
            self._cursor.execute(_HEAD, (stream,))
            row = self._cursor.fetchone()
            if row is not None:
                head = self._known[stream] = _Head(*row)
        return head

    def _unwritten(self, append: StreamAppend) -> _Head:
        """Of a stream that this append may begin."""
        self._cursor.execute("SELECT fence FROM placements WHERE workspace = ?", (append.workspace,))
        row = self._cursor.fetchone()
        return _Head(0, append.workspace, secrets.token_hex(8), 0, 0, row[0] if row else 0)

    def _begin(self, stream: str, head: _Head) -> None:
        self._cursor.execute(
            "INSERT INTO streams (stream, workspace, epoch) VALUES (?, ?, ?)",
            (stream, head.workspace, head.epoch),
        )
        assert self._cursor.lastrowid is not None
        head.stream_no = self._cursor.lastrowid
        self._known[stream] = head

    def _is_there(self, append: StreamAppend, head: _Head) -> bool:
        """Whether the append was committed before: all its entries have their places."""
        self._write_blocks()  # it may repeat an append of this very batch
        expected = list(enumerate(append.entries, append.first_seq))
        after_seq = append.first_seq - 1
        with closing(sqlite_blocks.read_entries(self._connection, head.stream_no, after_seq)) as found:
            return bool(expected) and list(islice(found, len(expected))) == expected
