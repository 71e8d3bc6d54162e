"""What is still to be told to the message broker, and what it would not take."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from actors.records.tables.columns import METADATA, code, identifier, moment

OUTBOX: Final = Table(
    "analytics_outbox",
    METADATA,
    # SQLite numbers rows by itself only where the key is an INTEGER.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    identifier("installation_id"),
    Column("stream", Text, nullable=False),
    identifier("session_id", optional=True),
    code("topic"),
    Column("message_id", Text, nullable=False),
    Column("key", String(500), nullable=False),
    code("name"),
    Column("body", Text, nullable=False),
    moment("written_at"),
    moment("refused_at", optional=True),
    code("reason", optional=True),
    Index("ix_analytics_outbox_stream", "installation_id", "stream"),
    Index("ix_analytics_outbox_session_id", "installation_id", "session_id"),
)
"""``number`` is the order in which rows were written, over all installations, and in which they are sent.

A row with ``refused_at`` is a dead letter: the broker refused it for good, for ``reason``.
"""
