"""Migrations and rollbacks, automations and transcripts, capacity alerts and metrics."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_JSON: Final = sa.JSON(none_as_null=True)
_MOMENT: Final = sa.DateTime(timezone=True)
_TABLES: Final = (
    "protocol_migrations",
    "rollback_events",
    "automation_summaries",
    "transcript_entries",
    "capacity_alerts",
    "metrics_envelopes",
)


def upgrade() -> None:
    """Make all tables, each after those that it refers to."""
    _protocol_migrations()
    _rollback_events()
    _automation_summaries()
    _transcript_entries()
    _capacity_alerts()
    _metrics_envelopes()


def downgrade() -> None:
    """Drop them all."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _belongs_to(table: str, column: str, key: str, cascade: bool = True) -> sa.ForeignKeyConstraint:
    parent, _, name = key.partition(".")
    return sa.ForeignKeyConstraint(
        ["installation_id", column],
        [f"{parent}.installation_id", f"{parent}.{name}"],
        name=f"fk_{table}_{column}",
        ondelete="CASCADE" if cascade else None,
        deferrable=True,
        initially="DEFERRED",
    )


def _index(table: str, *indexes: tuple[str, ...]) -> None:
    for columns in indexes:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, ["installation_id", *columns])


def _protocol_migrations() -> None:
    op.create_table(
        "protocol_migrations",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("migration_id", sa.String(36), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("container_id", sa.String(200), nullable=True),
        sa.Column("initiated_by", sa.String(100), nullable=False),
        sa.Column("trigger", sa.String(100), nullable=False),
        sa.Column("from_protocol", sa.String(100), nullable=False),
        sa.Column("to_protocol", sa.String(100), nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("completed_at", _MOMENT, nullable=True),
        sa.Column("status", sa.String(100), nullable=False),
        sa.Column("success", sa.Boolean(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("attempt_count", sa.BigInteger(), nullable=False),
        sa.Column("rollback", sa.Boolean(), nullable=False),
        sa.Column("rollback_reason", sa.String(100), nullable=True),
        sa.Column("metrics_snapshot", _JSON, nullable=True),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "migration_id", name="pk_protocol_migrations"),
        _belongs_to("protocol_migrations", "container_id", "containers.container_id"),
    )
    _index(
        "protocol_migrations",
        ("container_id", "started_at", "migration_id"),
        ("started_at", "migration_id"),
        ("status", "started_at", "migration_id"),
        ("success", "started_at", "migration_id"),
        ("workspace_id", "started_at", "migration_id"),
    )


def _rollback_events() -> None:
    op.create_table(
        "rollback_events",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("trigger", sa.String(100), nullable=False),
        sa.Column("reason_code", sa.String(100), nullable=False),
        sa.Column("initiated_at", _MOMENT, nullable=False),
        sa.Column("completed_at", _MOMENT, nullable=True),
        sa.Column("previous_protocol", sa.String(100), nullable=False),
        sa.Column("new_protocol", sa.String(100), nullable=False),
        sa.Column("follow_up_actions", _JSON, nullable=True),
        sa.Column("connection_id", sa.String(200), nullable=True),
        sa.Column("migration_id", sa.String(36), nullable=True),
        sa.Column("summary_id", sa.String(36), nullable=True),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "event_id", name="pk_rollback_events"),
    )
    _index(
        "rollback_events",
        ("initiated_at", "event_id"),
        ("trigger", "initiated_at", "event_id"),
        ("workspace_id", "initiated_at", "event_id"),
    )


def _automation_summaries() -> None:
    op.create_table(
        "automation_summaries",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("summary_id", sa.String(36), nullable=False),
        sa.Column("session_id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("status", sa.String(100), nullable=False),
        sa.Column("issue", _JSON, nullable=True),
        sa.Column("pull_request", _JSON, nullable=True),
        sa.Column("commit", _JSON, nullable=True),
        sa.Column("skip_reason", sa.String(100), nullable=True),
        sa.Column("toast_message", sa.Text(), nullable=True),
        sa.Column("transcript_note", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("error", _JSON, nullable=True),
        sa.Column("logs", _JSON, nullable=True),
        sa.Column("logs_ref", sa.String(64), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "summary_id", name="pk_automation_summaries"),
    )
    _index(
        "automation_summaries",
        ("created_at", "summary_id"),
        ("logs_ref",),
        ("session_id", "created_at", "summary_id"),
        ("skip_reason", "created_at", "summary_id"),
        ("status", "created_at", "summary_id"),
        ("workspace_id", "created_at", "summary_id"),
    )


def _transcript_entries() -> None:
    op.create_table(
        "transcript_entries",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("entry_id", sa.String(36), nullable=False),
        sa.Column("session_id", sa.String(200), nullable=False),
        sa.Column("event_type", sa.String(100), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("context", _JSON, nullable=True),
        sa.Column("context_ref", sa.String(64), nullable=True),
        sa.Column("summary_id", sa.String(36), nullable=True),
        sa.Column("timestamp", _MOMENT, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "entry_id", name="pk_transcript_entries"),
    )
    _index(
        "transcript_entries",
        ("context_ref",),
        ("event_type", "timestamp", "entry_id"),
        ("session_id", "timestamp", "entry_id"),
        ("summary_id", "timestamp", "entry_id"),
        ("timestamp", "entry_id"),
    )


def _capacity_alerts() -> None:
    op.create_table(
        "capacity_alerts",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("alert_id", sa.String(36), nullable=False),
        sa.Column("workspace_ids", _JSON, nullable=True),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("cause", sa.String(100), nullable=False),
        sa.Column("trigger", sa.String(100), nullable=False),
        sa.Column("active_connections", sa.BigInteger(), nullable=False),
        sa.Column("capacity_percent", sa.Double(), nullable=False),
        sa.Column("timestamp", _MOMENT, nullable=False),
        sa.Column("notified", sa.Boolean(), nullable=False),
        sa.Column("notification_channels", _JSON, nullable=True),
        sa.Column("resolved_at", _MOMENT, nullable=True),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "alert_id", name="pk_capacity_alerts"),
    )
    _index(
        "capacity_alerts",
        ("resolved_at", "timestamp", "alert_id"),
        ("scope", "timestamp", "alert_id"),
        ("timestamp", "alert_id"),
        ("trigger", "timestamp", "alert_id"),
    )


def _metrics_envelopes() -> None:
    op.create_table(
        "metrics_envelopes",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("metric_id", sa.String(36), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=True),
        sa.Column("timestamp", _MOMENT, nullable=False),
        sa.Column("metric_type", sa.String(100), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("threshold_breached", sa.Boolean(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "metric_id", name="pk_metrics_envelopes"),
    )
    _index(
        "metrics_envelopes",
        ("metric_type", "timestamp", "metric_id"),
        ("threshold_breached", "timestamp", "metric_id"),
        ("timestamp", "metric_id"),
        ("workspace_id", "timestamp", "metric_id"),
    )
