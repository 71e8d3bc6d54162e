"""How far each stream was read into the records, and the values that are too large for a row."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, PrimaryKeyConstraint, String, Table, Text

from actors.records.tables.columns import METADATA, count, identifier, moment

POSITIONS: Final = Table(
    "stream_positions",
    METADATA,
    identifier("installation_id"),
    Column("stream", Text, nullable=False),
    Column("epoch", String(200), nullable=False),
    count("seq"),
    PrimaryKeyConstraint("installation_id", "stream"),
)

PAYLOADS: Final = Table(
    "payloads",
    METADATA,
    identifier("installation_id"),
    Column("sha256", String(64), nullable=False),
    Column("body", Text, nullable=False),
    count("size"),
    moment("touched_at"),
    PrimaryKeyConstraint("installation_id", "sha256"),
)
"""JSON by the SHA-256 of its bytes. ``touched_at`` is when a row last came to refer to it."""
