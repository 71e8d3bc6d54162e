"""A commit of the SQLite journal: what a batch of appends does to the tables."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence

from actors.journal import refusals
from actors.journal.contract import Appended, AppendResult, StreamAppend
from actors.journal.sqlite_schema import transaction


def append_batch(connection: sqlite3.Connection, batch: Sequence[StreamAppend]) -> list[AppendResult]:
    """See ``Journal.append``."""
    with transaction(connection):
        commit = _Commit(connection)
        results = [commit.take(append) for append in batch]
        commit.write()
    return results


class _Head:
    """A stream's row while the batch is gone through."""

    __slots__ = ("epoch", "last_seq", "payload_bytes", "stream_no", "workspace")

    def __init__(self, stream_no: int, workspace: str, epoch: str, last_seq: int, payload_bytes: int) -> None:
        self.stream_no = stream_no
        self.workspace = workspace
        self.epoch = epoch
        self.last_seq = last_seq
        self.payload_bytes = payload_bytes


class _Commit:
    """Checks each append against the rows as they will be, and writes all that passed at the end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._fences: dict[str, int] = {}
        self._heads: dict[str, _Head] = {}
        self._entries: list[tuple[int, int, int, str, bytes]] = []
        self._metas: list[tuple[int, bytes]] = []

    def take(self, append: StreamAppend) -> AppendResult:
        newest = self._newest_fence(append.workspace)
        if append.fence < newest:
            return refusals.by_fence(append, newest)
        head = self._head(append.stream)
        if head is None:
            if append.first_seq != 1:
                return refusals.by_seq(append, 0)
            head = self._begin(append)
        if head.workspace != append.workspace:
            return refusals.by_workspace(append)
        if append.first_seq != head.last_seq + 1:
            if not self._is_there(append, head):
                return refusals.by_seq(append, head.last_seq)
            return Appended(append.stream, head.epoch, append.last_seq)
        for entry in append.entries:
            head.last_seq += 1
            head.payload_bytes += len(entry.payload)
            self._entries.append((head.stream_no, head.last_seq, entry.at, entry.kind, entry.payload))
        if append.meta is not None:
            self._metas.append((head.stream_no, append.meta))
        return Appended(append.stream, head.epoch, head.last_seq)

    def write(self) -> None:
        """Put into the tables what was taken."""
        self._write_entries()
        self._cursor.executemany(
            "UPDATE streams SET last_seq = ?, payload_bytes = ? WHERE stream_no = ?",
            [(head.last_seq, head.payload_bytes, head.stream_no) for head in self._heads.values()],
        )
        self._cursor.executemany(
            "INSERT OR REPLACE INTO records (stream_no, meta) VALUES (?, ?)", self._metas
        )

    def _write_entries(self) -> None:
        self._cursor.executemany(
            "INSERT INTO entries (stream_no, seq, at, kind, payload) VALUES (?, ?, ?, ?, ?)", self._entries
        )
        self._entries.clear()

    def _newest_fence(self, workspace: str) -> int:
        fence = self._fences.get(workspace)
        if fence is None:
            self._cursor.execute("SELECT fence FROM placements WHERE workspace = ?", (workspace,))
            row = self._cursor.fetchone()
            fence = self._fences[workspace] = row[0] if row else 0
        return fence

    def _head(self, stream: str) -> _Head | None:
        head = self._heads.get(stream)
        if head is None:
            self._cursor.execute(
                "SELECT stream_no, workspace, epoch, last_seq, payload_bytes FROM streams WHERE stream = ?",
                (stream,),
            )
            row = self._cursor.fetchone()
            if row is not None:
                head = self._heads[stream] = _Head(*row)
        return head

    def _begin(self, append: StreamAppend) -> _Head:
        epoch = secrets.token_hex(8)
        self._cursor.execute(
            "INSERT INTO streams (stream, workspace, epoch) VALUES (?, ?, ?)",
            (append.stream, append.workspace, epoch),
        )
        stream_no = self._cursor.lastrowid
        assert stream_no is not None
        head = self._heads[append.stream] = _Head(stream_no, append.workspace, epoch, 0, 0)
        return head

    def _is_there(self, append: StreamAppend, head: _Head) -> bool:
        """Whether the append was committed before: all its entries have their places."""
        self._write_entries()  # it may repeat an append of this very batch
        self._cursor.execute(
            "SELECT kind, payload, at FROM entries WHERE stream_no = ? AND seq BETWEEN ? AND ? ORDER BY seq",
            (head.stream_no, append.first_seq, append.last_seq),
        )
        there = self._cursor.fetchall()
        return bool(there) and there == [(entry.kind, entry.payload, entry.at) for entry in append.entries]
