"""Trimming in the SQLite journal's tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import Final

from actors.journal import sqlite_blocks
from actors.journal.contract import NewEntry
from actors.journal.sqlite_schema import transaction

TRIM_STEP: Final = 1000
"""About how many entries one commit drops at most, so that appends do not wait for a long trim."""
_NEVER: Final = -(1 << 63)


def trim_step(
    connection: sqlite3.Connection, stream: str, keep_count: int | None, older_than_ms: int | None
) -> tuple[int, bool]:
    """Drop up to about TRIM_STEP entries; returns the first seq that is kept, and whether that was all."""
    with transaction(connection):
        row = connection.execute(
            "SELECT stream_no, first_kept, last_seq FROM streams WHERE stream = ?", (stream,)
        ).fetchone()
        if row is None:
            return 1, True
        stream_no, first_kept, last_seq = row
        before_seq = 0 if keep_count is None else min(last_seq, last_seq - keep_count) + 1
        cut = _Cut(first_kept, before_seq, _NEVER if older_than_ms is None else older_than_ms)
        with closing(sqlite_blocks.read_blocks(connection, stream_no, 0)) as blocks:
            cut.go_through(blocks)
        if cut.first_kept > first_kept:
            _write(connection, stream_no, cut)
    return cut.first_kept, cut.finished


class _Cut:
    """Where a stream is to begin: at ``before_seq``, or at its first entry that is not before ``before_ms``.

    Whichever is later.
    """

    def __init__(self, first_kept: int, before_seq: int, before_ms: int) -> None:
        self.first_kept = first_kept
        self.finished = True
        self.dropped_bytes = 0
        self.divided: tuple[int, list[NewEntry]] | None = None
        """The block in which the cut is: its last seq, and what is left of it."""
        self._before_seq = before_seq
        self._before_ms = before_ms

    def go_through(self, blocks: Iterable[tuple[int, list[NewEntry]]]) -> None:
        """Find the cut in the stream's blocks, or leave off after TRIM_STEP entries."""
        until = self.first_kept + TRIM_STEP
        for first_seq, entries in blocks:
            count = self._count(first_seq, entries)
            self.first_kept = first_seq + count
            self.dropped_bytes += sum(len(entry.payload) for entry in entries[:count])
            if count < len(entries):
                if count:
                    self.divided = first_seq + len(entries) - 1, entries[count:]
                return
            if self.first_kept >= until:
                self.finished = False
                return

    def _count(self, first_seq: int, entries: list[NewEntry]) -> int:
        """How many of a block's entries are to be dropped."""
        old = next((n for n, entry in enumerate(entries) if entry.at >= self._before_ms), len(entries))
        return min(len(entries), max(old, self._before_seq - first_seq))


def _write(connection: sqlite3.Connection, stream_no: int, cut: _Cut) -> None:
    connection.execute("DELETE FROM blocks WHERE stream_no = ? AND last_seq < ?", (stream_no, cut.first_kept))
    if cut.divided is not None:
        last_seq, left = cut.divided
        connection.execute(
            "UPDATE blocks SET block = ? WHERE stream_no = ? AND last_seq = ?",
            (sqlite_blocks.encode(left), stream_no, last_seq),
        )
    connection.execute(
        "UPDATE streams SET first_kept = ?, payload_bytes = payload_bytes - ? WHERE stream_no = ?",
        (cut.first_kept, cut.dropped_bytes, stream_no),
    )
