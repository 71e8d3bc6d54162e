"""Reading, trimming and deleting in the SQLite journal's tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from actors.journal.contract import Entry, Head, Page, Size
from actors.journal.sqlite_schema import snapshot, transaction

TRIM_STEP: Final = 1000
"""Entries that one commit drops at most, so that appends do not wait for a long trim."""
_LAST_CHARACTER: Final = "\U0010ffff"


def read_page(
    connection: sqlite3.Connection, stream: str, after_seq: int, limit_entries: int, limit_bytes: int
) -> Page:
    """See ``Journal.read``."""
    with snapshot(connection):
        row = connection.execute(
            "SELECT stream_no, first_kept, last_seq, epoch FROM streams WHERE stream = ?", (stream,)
        ).fetchone()
        if row is None:
            return Page(after_seq, (), 1, 0, "")
        stream_no, first_kept, last_seq, epoch = row
        rows = connection.execute(
            "SELECT seq, kind, payload, at FROM entries WHERE stream_no = ? AND seq > ? ORDER BY seq LIMIT ?",
            (stream_no, after_seq, max(limit_entries, 1)),
        )
        entries = _within(limit_bytes, (Entry(stream, *row) for row in rows))
    return Page(after_seq, entries, first_kept, last_seq, epoch)


def read_head(connection: sqlite3.Connection, stream: str) -> Head | None:
    """See ``Journal.head``."""
    row = connection.execute(
        "SELECT stream, workspace, epoch, first_kept, last_seq, payload_bytes, meta"
        " FROM streams LEFT JOIN records USING (stream_no) WHERE stream = ?",
        (stream,),
    ).fetchone()
    return None if row is None else Head(*row)


def read_size(connection: sqlite3.Connection, stream: str | None) -> Size:
    """See ``Journal.size``."""
    counted = "SELECT TOTAL(last_seq + 1 - first_kept), TOTAL(payload_bytes) FROM streams"
    if stream is None:
        rows = connection.execute(counted)
    else:
        rows = connection.execute(f"{counted} WHERE stream = ?", (stream,))
    entries, payload_bytes = rows.fetchone()
    return Size(int(entries), int(payload_bytes))


def list_streams(connection: sqlite3.Connection, prefix: str, after: str, limit: int) -> list[str]:
    """See ``Journal.streams``."""
    rows = connection.execute(
        "SELECT stream FROM streams WHERE stream > ? AND stream >= ? AND stream < ? ORDER BY stream LIMIT ?",
        (after, prefix, prefix + _LAST_CHARACTER, limit),
    )
    return [stream for (stream,) in rows]


def trim_step(
    connection: sqlite3.Connection, stream: str, keep_count: int | None, older_than_ms: int | None
) -> tuple[int, bool]:
    """Drop up to TRIM_STEP entries; returns the first seq that is kept, and whether that was all."""
    with transaction(connection):
        row = connection.execute(
            "SELECT stream_no, first_kept, last_seq FROM streams WHERE stream = ?", (stream,)
        ).fetchone()
        if row is None:
            return 1, True
        stream_no, first_kept, last_seq = row
        end = min(first_kept + TRIM_STEP, last_seq + 1)
        wanted = first_kept
        if keep_count is not None:
            wanted = max(wanted, min(end, last_seq + 1 - keep_count))
        if older_than_ms is not None:
            wanted = max(wanted, _first_not_before(connection, stream_no, first_kept, end, older_than_ms))
        if wanted > first_kept:
            _drop(connection, stream_no, wanted)
    return wanted, wanted < end or end == last_seq + 1


def delete_rest(connection: sqlite3.Connection, stream: str) -> None:
    """Drop a stream with all that is left of it."""
    with transaction(connection):
        row = connection.execute("SELECT stream_no FROM streams WHERE stream = ?", (stream,)).fetchone()
        if row is not None:
            for table in ("entries", "records", "streams"):
                connection.execute(f"DELETE FROM {table} WHERE stream_no = ?", row)  # noqa: S608 - three names


def _within(limit_bytes: int, entries: Iterable[Entry]) -> list[Entry]:
    """As many as have up to ``limit_bytes`` of payload together, but one at least."""
    taken: list[Entry] = []
    size = 0
    for entry in entries:
        size += len(entry.payload)
        if taken and size > limit_bytes:
            break
        taken.append(entry)
    return taken


def _first_not_before(connection: sqlite3.Connection, stream_no: int, first: int, end: int, at: int) -> int:
    (seq,) = connection.execute(
        "SELECT MIN(seq) FROM entries WHERE stream_no = ? AND seq >= ? AND seq < ? AND at >= ?",
        (stream_no, first, end, at),
    ).fetchone()
    return end if seq is None else int(seq)


def _drop(connection: sqlite3.Connection, stream_no: int, before_seq: int) -> None:
    (dropped,) = connection.execute(
        "SELECT TOTAL(LENGTH(payload)) FROM entries WHERE stream_no = ? AND seq < ?", (stream_no, before_seq)
    ).fetchone()
    connection.execute("DELETE FROM entries WHERE stream_no = ? AND seq < ?", (stream_no, before_seq))
    connection.execute(
        "UPDATE streams SET first_kept = ?, payload_bytes = payload_bytes - ? WHERE stream_no = ?",
        (before_seq, int(dropped), stream_no),
    )
