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
from actors.records.tables.erasures import ERASURES
from actors.records.tables.instance_logs import INSTANCE_LOGS
from actors.records.tables.jobs import JOB_RUNS, JOBS, RUNNERS
from actors.records.tables.operations import ALERTS, AUTOMATIONS, METRICS, MIGRATIONS, ROLLBACKS, TRANSCRIPTS
from actors.records.tables.outbox import OUTBOX
from actors.records.tables.settings_registry import SETTING_CHANGES, SETTING_REGISTRY

__all__ = [
    "ALERTS",
    "API_KEYS",
    "AUTOMATIONS",
    "CONFIGURATIONS",
    "CONNECTIONS",
    "CONTAINERS",
    "ERASURES",
    "INSTANCE_LOGS",
    "JOBS",
    "JOB_RUNS",
    "MESSAGES",
    "METADATA",
    "METRICS",
    "METRIC_TOTALS",
    "MIGRATIONS",
    "OUTBOX",
    "PAYLOADS",
    "POSITIONS",
    "ROLLBACKS",
    "RUNNERS",
    "SESSIONS",
    "SETTING_CHANGES",
    "SETTING_REGISTRY",
    "SET_ASIDE",
    "TRANSCRIPTS",
    "TRANSITIONS",
    "UtcDateTime",
]
