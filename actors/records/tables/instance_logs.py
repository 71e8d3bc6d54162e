"""The newest lines that containers and runners logged. No records: they are a ring, not a history."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, PrimaryKeyConstraint, Table

from actors.records.tables.columns import METADATA, code, count, identifier, moment, text

INSTANCE_LOGS: Final = Table(
    "instance_logs",
    METADATA,
    identifier("installation_id"),
    identifier("instance_id"),
    count("seq"),
    moment("timestamp"),
    code("level"),
    text("message"),
    code("source", optional=True),
    PrimaryKeyConstraint("installation_id", "instance_id", "seq"),
    Index("ix_instance_logs_timestamp", "installation_id", "instance_id", "timestamp", "seq"),
    Index("ix_instance_logs_level", "installation_id", "instance_id", "level", "seq"),
)
