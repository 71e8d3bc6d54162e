"""Migrations and rollbacks, automations and their transcripts, alerts and metrics."""

from __future__ import annotations

from typing import Final

from actors.records.tables.columns import (
    belongs_to,
    code,
    count,
    digest,
    flag,
    identifier,
    moment,
    number,
    record_table,
    structure,
    text,
    uuid_text,
)

MIGRATIONS: Final = record_table(
    "protocol_migrations",
    "migration_id",
    uuid_text("migration_id"),
    identifier("workspace_id"),
    identifier("container_id", optional=True),
    code("initiated_by"),
    code("trigger"),
    code("from_protocol"),
    code("to_protocol"),
    moment("started_at"),
    moment("completed_at", optional=True),
    code("status"),
    flag("success", optional=True),
    text("error_message"),
    count("attempt_count"),
    flag("rollback"),
    code("rollback_reason", optional=True),
    structure("metrics_snapshot"),
    belongs_to("container_id", "containers", "container_id"),
    indexes=[
        ("started_at", "migration_id"),
        ("workspace_id", "started_at", "migration_id"),
        ("container_id", "started_at", "migration_id"),
        ("status", "started_at", "migration_id"),
        ("success", "started_at", "migration_id"),
    ],
)

ROLLBACKS: Final = record_table(
    "rollback_events",
    "event_id",
    uuid_text("event_id"),
    identifier("workspace_id"),
    code("trigger"),
    code("reason_code"),
    moment("initiated_at"),
    moment("completed_at", optional=True),
    code("previous_protocol"),
    code("new_protocol"),
    structure("follow_up_actions"),
    identifier("connection_id", optional=True),
    uuid_text("migration_id", optional=True),
    uuid_text("summary_id", optional=True),
    indexes=[
        ("initiated_at", "event_id"),
        ("workspace_id", "initiated_at", "event_id"),
        ("trigger", "initiated_at", "event_id"),
    ],
)

AUTOMATIONS: Final = record_table(
    "automation_summaries",
    "summary_id",
    uuid_text("summary_id"),
    identifier("session_id"),
    identifier("workspace_id"),
    code("status"),
    structure("issue"),
    structure("pull_request"),
    structure("commit"),
    code("skip_reason", optional=True),
    text("toast_message"),
    text("transcript_note"),
    count("duration_ms"),
    structure("error"),
    structure("logs"),
    digest("logs_ref"),
    moment("created_at"),
    indexes=[
        ("created_at", "summary_id"),
        ("session_id", "created_at", "summary_id"),
        ("workspace_id", "created_at", "summary_id"),
        ("status", "created_at", "summary_id"),
        ("skip_reason", "created_at", "summary_id"),
        ("logs_ref",),
    ],
)

TRANSCRIPTS: Final = record_table(
    "transcript_entries",
    "entry_id",
    uuid_text("entry_id"),
    identifier("session_id"),
    code("event_type"),
    text("message"),
    structure("context"),
    digest("context_ref"),
    uuid_text("summary_id", optional=True),
    moment("timestamp"),
    indexes=[
        ("timestamp", "entry_id"),
        ("session_id", "timestamp", "entry_id"),
        ("event_type", "timestamp", "entry_id"),
        ("summary_id", "timestamp", "entry_id"),
        ("context_ref",),
    ],
)

ALERTS: Final = record_table(
    "capacity_alerts",
    "alert_id",
    uuid_text("alert_id"),
    structure("workspace_ids"),
    identifier("scope"),
    code("cause"),
    code("trigger"),
    count("active_connections"),
    number("capacity_percent", optional=False),
    moment("timestamp"),
    flag("notified"),
    structure("notification_channels"),
    moment("resolved_at", optional=True),
    indexes=[
        ("timestamp", "alert_id"),
        ("trigger", "timestamp", "alert_id"),
        ("scope", "timestamp", "alert_id"),
        ("resolved_at", "timestamp", "alert_id"),
    ],
)

METRICS: Final = record_table(
    "metrics_envelopes",
    "metric_id",
    uuid_text("metric_id"),
    identifier("workspace_id", optional=True),
    moment("timestamp"),
    code("metric_type"),
    number("value", optional=False),
    flag("threshold_breached"),
    indexes=[
        ("timestamp", "metric_id"),
        ("workspace_id", "timestamp", "metric_id"),
        ("metric_type", "timestamp", "metric_id"),
        ("threshold_breached", "timestamp", "metric_id"),
    ],
)
