"""How entries lie in the SQLite journal: in blocks, each a msgpack array of one append's entries.

A row for each entry would cost two to three times as much. A block holds nothing but what is kept: a trim
that ends inside of one writes it anew. Long appends are divided, so that a short page reads little.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Final

from msgspec.msgpack import Decoder, Encoder

from actors.journal.contract import NewEntry

BLOCK_ENTRIES: Final = 64
BLOCK_BYTES: Final = 1 << 16
"""A block is closed by the entry that brings it to so many bytes of payload."""

encode: Final = Encoder().encode
decode: Final = Decoder(list[NewEntry]).decode


def divided(entries: Sequence[NewEntry], payload_bytes: int) -> list[Sequence[NewEntry]]:
    """The blocks of one append, whose payloads have ``payload_bytes`` together."""
    if len(entries) <= BLOCK_ENTRIES and payload_bytes < BLOCK_BYTES:
        return [entries] if entries else []
    blocks = []
    first = size = 0
    for end, entry in enumerate(entries, 1):
        size += len(entry.payload)
        if end - first == BLOCK_ENTRIES or size >= BLOCK_BYTES or end == len(entries):
            blocks.append(entries[first:end])
            first, size = end, 0
    return blocks


def read_blocks(
    connection: sqlite3.Connection, stream_no: int, after_seq: int
) -> Generator[tuple[int, list[NewEntry]]]:
    """Blocks with entries after ``after_seq``, in order, each with the seq of its first entry.

    Whoever may not go through all of them closes the generator, and with it SQLite's reading.
    """
    rows = connection.execute(
        "SELECT last_seq, block FROM blocks WHERE stream_no = ? AND last_seq > ? ORDER BY last_seq",
        (stream_no, after_seq),
    )
    with closing(rows):
        for last_seq, block in rows:
            entries = decode(block)
            yield last_seq + 1 - len(entries), entries


def read_entries(
    connection: sqlite3.Connection, stream_no: int, after_seq: int
) -> Generator[tuple[int, NewEntry]]:
    """Entries after ``after_seq``, in order, each with its seq. To be closed as well."""
    with closing(read_blocks(connection, stream_no, after_seq)) as blocks:
        for first_seq, entries in blocks:
            skipped = max(0, after_seq + 1 - first_seq)
            yield from enumerate(entries[skipped:], first_seq + skipped)
