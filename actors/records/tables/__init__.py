"""The tables of the records. ``METADATA`` is what the migrations lead to."""

from actors.records.tables.bookkeeping import PAYLOADS, POSITIONS
from actors.records.tables.columns import METADATA, UtcDateTime
from actors.records.tables.connections import (
    CONFIGURATIONS,
    CONNECTIONS,
    CONTAINERS,
    MESSAGES,
    SESSIONS,
    TRANSITIONS,
)
from actors.records.tables.operations import ALERTS, AUTOMATIONS, METRICS, MIGRATIONS, ROLLBACKS, TRANSCRIPTS

__all__ = [
    "ALERTS",
    "AUTOMATIONS",
    "CONFIGURATIONS",
    "CONNECTIONS",
    "CONTAINERS",
    "MESSAGES",
    "METADATA",
    "METRICS",
    "MIGRATIONS",
    "PAYLOADS",
    "POSITIONS",
    "ROLLBACKS",
    "SESSIONS",
    "TRANSCRIPTS",
    "TRANSITIONS",
    "UtcDateTime",
]
