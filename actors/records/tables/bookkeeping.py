"""How far each stream was read into the records, what of it was not, and values too large for a row."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, LargeBinary, PrimaryKeyConstraint, String, Table, Text

from actors.records.tables.columns import METADATA, code, count, identifier, moment, number

POSITIONS: Final = Table(
    "stream_positions",
    METADATA,
    identifier("installation_id"),
    Column("stream", Text, nullable=False),
    Column("epoch", String(200), nullable=False),
    count("seq"),
    Column("state", LargeBinary, nullable=True),
    PrimaryKeyConstraint("installation_id", "stream"),
)
"""``state`` is what who reads the stream has to know of its past to go on; it holds no text of anybody."""

SET_ASIDE: Final = Table(
    "set_aside",
    METADATA,
    identifier("installation_id"),
    Column("stream", Text, nullable=False),
    Column("epoch", String(200), nullable=False),
    count("seq"),
    Column("kind", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    moment("at"),
    PrimaryKeyConstraint("installation_id", "stream", "epoch", "seq"),
)
"""Entries that no records could be made of, and why. ``at`` is the entry's own moment."""

METRIC_TOTALS: Final = Table(
    "metric_totals",
    METADATA,
    identifier("installation_id"),
    code("metric_type"),
    moment("timestamp"),
    number("value", optional=False),
    PrimaryKeyConstraint("installation_id", "metric_type", "timestamp"),
)
"""What the metrics of all workspaces of an installation add up to. Triggers keep it."""

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
