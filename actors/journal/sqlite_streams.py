"""Reading, listing and deleting in the SQLite journal's tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Final

from actors.journal import sqlite_blocks
from actors.journal.contract import Entry, Head, NewEntry, Page, Size, complete
from actors.journal.sqlite_schema import snapshot, transaction

_LAST_CHARACTER: Final = "\U0010ffff"
_LISTED: Final = "stream > ? AND stream >= ? AND stream < ? ORDER BY stream LIMIT ?"
_HEADS: Final = (
    "SELECT stream, workspace, epoch, first_kept, last_seq, payload_bytes, meta"
    " FROM streams LEFT JOIN records USING (stream_no)"
)


def read_page(
    connection: sqlite3.Connection, stream: str, after_seq: int, limit_entries: int, limit_bytes: int
) -> Page:
    """See ``Journal.read``."""
    with snapshot(connection):
        return _page(connection, stream, after_seq, limit_entries, limit_bytes)


def _page(
    connection: sqlite3.Connection, stream: str, after_seq: int, limit_entries: int, limit_bytes: int
) -> Page:
    row = connection.execute(
        "SELECT stream_no, first_kept, last_seq, epoch FROM streams WHERE stream = ?", (stream,)
    ).fetchone()
    if row is None:
        return Page(after_seq, (), 1, 0, "")
    stream_no, first_kept, last_seq, epoch = row
    with closing(sqlite_blocks.read_entries(connection, stream_no, after_seq)) as found:
        entries = [
            Entry(stream, seq, one.kind, one.payload, one.at)
            for seq, one in _within(limit_bytes, islice(found, max(limit_entries, 1)))
        ]
    return Page(after_seq, entries, first_kept, last_seq, epoch)


def read_head(connection: sqlite3.Connection, stream: str) -> Head | None:
    """See ``Journal.head``."""
    row = connection.execute(f"{_HEADS} WHERE stream = ?", (stream,)).fetchone()
    return None if row is None else Head(*row)


def read_newest(
    connection: sqlite3.Connection, stream: str, limit_entries: int, limit_bytes: int
) -> tuple[Head, Sequence[Entry]] | None:
    """See ``Journal.newest``."""
    with snapshot(connection):
        head = read_head(connection, stream)
        if head is None:
            return None
        after_seq = max(head.last_seq - limit_entries, head.first_kept - 1)
        page = _page(connection, stream, after_seq, limit_entries, limit_bytes)
    return head, complete(page)


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
        f"SELECT stream FROM streams WHERE {_LISTED}",  # noqa: S608 - a constant
        (after, prefix, prefix + _LAST_CHARACTER, limit),
    )
    return [stream for (stream,) in rows]


def list_heads(connection: sqlite3.Connection, prefix: str, after: str, limit: int) -> list[Head]:
    """See ``Journal.heads``."""
    rows = connection.execute(f"{_HEADS} WHERE {_LISTED}", (after, prefix, prefix + _LAST_CHARACTER, limit))
    return [Head(*row) for row in rows]


def delete_rest(connection: sqlite3.Connection, stream: str) -> None:
    """Drop a stream with all that is left of it."""
    with transaction(connection):
        row = connection.execute("SELECT stream_no FROM streams WHERE stream = ?", (stream,)).fetchone()
        if row is not None:
            for table in ("blocks", "records", "streams"):
                connection.execute(f"DELETE FROM {table} WHERE stream_no = ?", row)  # noqa: S608 - three names


def _within(limit_bytes: int, entries: Iterable[tuple[int, NewEntry]]) -> Iterator[tuple[int, NewEntry]]:
    """As many as have up to ``limit_bytes`` of payload together, but one at least."""
    size = 0
    for nth, (seq, entry) in enumerate(entries):
        size += len(entry.payload)
        if nth and size > limit_bytes:
            return
        yield seq, entry
