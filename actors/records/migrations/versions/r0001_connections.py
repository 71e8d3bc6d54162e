"""Containers, their sessions and connections, and what the records' own bookkeeping needs."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_JSON: Final = sa.JSON(none_as_null=True)
_MOMENT: Final = sa.DateTime(timezone=True)
_TABLES: Final = (
    "containers",
    "acp_connections",
    "connection_transitions",
    "acp_messages",
    "container_sessions",
    "connection_configurations",
    "stream_positions",
    "payloads",
)


def upgrade() -> None:
    """Make all tables, each after those that it refers to."""
    _containers()
    _acp_connections()
    _connection_transitions()
    _acp_messages()
    _container_sessions()
    _connection_configurations()
    _stream_positions()
    _payloads()


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


def _containers() -> None:
    op.create_table(
        "containers",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("container_id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("supported_protocols", _JSON, nullable=True),
        sa.Column("preferred_protocol", sa.String(100), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "container_id", name="pk_containers"),
    )
    _index(
        "containers",
        ("created_at", "container_id"),
        ("preferred_protocol", "created_at", "container_id"),
        ("workspace_id", "created_at", "container_id"),
    )


def _acp_connections() -> None:
    op.create_table(
        "acp_connections",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("connection_id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("container_id", sa.String(200), nullable=False),
        sa.Column("status", sa.String(100), nullable=False),
        sa.Column("protocol_version", sa.String(200), nullable=True),
        sa.Column("negotiated_capabilities", _JSON, nullable=True),
        sa.Column("success_rate", sa.Double(), nullable=True),
        sa.Column("latency_p95", sa.Double(), nullable=True),
        sa.Column("throughput_per_min", sa.Double(), nullable=True),
        sa.Column("last_heartbeat", _MOMENT, nullable=True),
        sa.Column("last_active", _MOMENT, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("error_count", sa.BigInteger(), nullable=False),
        sa.Column("reconnect_count", sa.BigInteger(), nullable=False),
        sa.Column("rollback_triggered", sa.Boolean(), nullable=False),
        sa.Column("rollback_cause", sa.Text(), nullable=True),
        sa.Column("diagnostics", _JSON, nullable=True),
        sa.Column("metadata", _JSON, nullable=True),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "connection_id", name="pk_acp_connections"),
        _belongs_to("acp_connections", "container_id", "containers.container_id"),
    )
    op.create_index(
        "uq_acp_connections_active",
        "acp_connections",
        ["installation_id", "container_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('connected', 'degraded')"),
        postgresql_where=sa.text("status IN ('connected', 'degraded')"),
    )
    _index(
        "acp_connections",
        ("container_id", "created_at", "connection_id"),
        ("created_at", "connection_id"),
        ("last_active", "connection_id"),
        ("status", "created_at", "connection_id"),
        ("workspace_id", "created_at", "connection_id"),
    )


def _connection_transitions() -> None:
    op.create_table(
        "connection_transitions",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("transition_id", sa.String(36), nullable=False),
        sa.Column("connection_id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("from_status", sa.String(100), nullable=True),
        sa.Column("to_status", sa.String(100), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "transition_id", name="pk_connection_transitions"),
        _belongs_to("connection_transitions", "connection_id", "acp_connections.connection_id"),
    )
    _index(
        "connection_transitions",
        ("at", "transition_id"),
        ("connection_id", "at", "transition_id"),
        ("workspace_id", "at", "transition_id"),
    )


def _acp_messages() -> None:
    op.create_table(
        "acp_messages",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("connection_id", sa.String(200), nullable=False),
        sa.Column("session_id", sa.String(200), nullable=True),
        sa.Column("direction", sa.String(100), nullable=False),
        sa.Column("message_type", sa.String(100), nullable=False),
        sa.Column("payload", _JSON, nullable=True),
        sa.Column("payload_ref", sa.String(64), nullable=True),
        sa.Column("timestamp", _MOMENT, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("processed", sa.Boolean(), nullable=False),
        sa.Column("processing_time", sa.Double(), nullable=True),
        sa.Column("error", sa.Boolean(), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "id", name="pk_acp_messages"),
        _belongs_to("acp_messages", "connection_id", "acp_connections.connection_id"),
    )
    _index(
        "acp_messages",
        ("connection_id", "timestamp", "id"),
        ("message_type", "timestamp", "id"),
        ("payload_ref",),
        ("session_id", "timestamp", "id"),
        ("timestamp", "id"),
    )


def _container_sessions() -> None:
    op.create_table(
        "container_sessions",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("session_id", sa.String(200), nullable=False),
        sa.Column("container_id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("protocol_type", sa.String(100), nullable=False),
        sa.Column("fallback_enabled", sa.Boolean(), nullable=False),
        sa.Column("acp_connection_id", sa.String(200), nullable=True),
        sa.Column("protocol_metadata", _JSON, nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.Column("closed_at", _MOMENT, nullable=True),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "session_id", name="pk_container_sessions"),
        sa.UniqueConstraint("installation_id", "container_id", name="uq_container_sessions_container_id"),
        _belongs_to(
            "container_sessions", "acp_connection_id", "acp_connections.connection_id", cascade=False
        ),
        _belongs_to("container_sessions", "container_id", "containers.container_id"),
    )
    _index(
        "container_sessions",
        ("acp_connection_id",),
        ("created_at", "session_id"),
        ("protocol_type", "created_at", "session_id"),
        ("updated_at", "session_id"),
        ("workspace_id", "created_at", "session_id"),
    )


def _connection_configurations() -> None:
    op.create_table(
        "connection_configurations",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("container_id", sa.String(200), nullable=False),
        sa.Column("max_reconnect_attempts", sa.BigInteger(), nullable=False),
        sa.Column("reconnect_delay", sa.BigInteger(), nullable=False),
        sa.Column("max_reconnect_delay", sa.BigInteger(), nullable=False),
        sa.Column("idle_timeout", sa.BigInteger(), nullable=False),
        sa.Column("keep_alive_interval", sa.BigInteger(), nullable=False),
        sa.Column("compression_enabled", sa.Boolean(), nullable=False),
        sa.Column("encryption_level", sa.String(100), nullable=False),
        sa.Column("enable_bulk_operations", sa.Boolean(), nullable=False),
        sa.Column("enable_status_events", sa.Boolean(), nullable=False),
        sa.Column("enable_metrics", sa.Boolean(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "id", name="pk_connection_configurations"),
        sa.UniqueConstraint(
            "installation_id", "container_id", name="uq_connection_configurations_container_id"
        ),
        _belongs_to("connection_configurations", "container_id", "containers.container_id"),
    )
    _index(
        "connection_configurations",
        ("created_at", "id"),
    )


def _stream_positions() -> None:
    op.create_table(
        "stream_positions",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("epoch", sa.String(200), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "stream", name="pk_stream_positions"),
    )


def _payloads() -> None:
    op.create_table(
        "payloads",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("touched_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "sha256", name="pk_payloads"),
    )
