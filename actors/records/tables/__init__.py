"""The tables of the records. ``METADATA`` is what the migrations lead to."""

from actors.records.tables.bookkeeping import METRIC_TOTALS, PAYLOADS, POSITIONS, SET_ASIDE
from actors.records.tables.columns import METADATA, UtcDateTime
from actors.records.tables.connections import (
    CONFIGURATIONS,
    CONNECTIONS,
    CONTAINERS,
    MESSAGES,
    SESSIONS,
    TRANSITIONS,
)
from actors.records.tables.credentials import API_KEYS
from actors.records.tables.operations import ALERTS, AUTOMATIONS, METRICS, MIGRATIONS, ROLLBACKS, TRANSCRIPTS

__all__ = [
    "ALERTS",
    "API_KEYS",
    "AUTOMATIONS",
    "CONFIGURATIONS",
    "CONNECTIONS",
    "CONTAINERS",
    "MESSAGES",
    "METADATA",
    "METRICS",
    "METRIC_TOTALS",
    "MIGRATIONS",
    "PAYLOADS",
    "POSITIONS",
    "ROLLBACKS",
    "SESSIONS",
    "SET_ASIDE",
    "TRANSCRIPTS",
    "TRANSITIONS",
    "UtcDateTime",
]
