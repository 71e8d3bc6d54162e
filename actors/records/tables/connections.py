"""Containers, their sessions, the connections to them and what went over these."""

from __future__ import annotations

from typing import Final

from sqlalchemy import UniqueConstraint

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

CONTAINERS: Final = record_table(
    "containers",
    "container_id",
    identifier("container_id"),
    identifier("workspace_id"),
    structure("supported_protocols"),
    code("preferred_protocol"),
    moment("created_at"),
    moment("updated_at"),
    indexes=[
        ("created_at", "container_id"),
        ("workspace_id", "created_at", "container_id"),
        ("preferred_protocol", "created_at", "container_id"),
    ],
)

CONNECTIONS: Final = record_table(
    "acp_connections",
    "connection_id",
    identifier("connection_id"),
    identifier("workspace_id"),
    identifier("container_id"),
    code("status"),
    identifier("protocol_version", optional=True),
    structure("negotiated_capabilities"),
    number("success_rate"),
    number("latency_p95"),
    number("throughput_per_min"),
    moment("last_heartbeat", optional=True),
    moment("last_active"),
    moment("created_at"),
    count("error_count"),
    count("reconnect_count"),
    flag("rollback_triggered"),
    text("rollback_cause"),
    structure("diagnostics"),
    structure("metadata"),
    belongs_to("container_id", "containers", "container_id"),
    indexes=[
        ("created_at", "connection_id"),
        ("last_active", "connection_id"),
        ("workspace_id", "created_at", "connection_id"),
        ("container_id", "created_at", "connection_id"),
        ("status", "created_at", "connection_id"),
    ],
)

TRANSITIONS: Final = record_table(
    "connection_transitions",
    "transition_id",
    uuid_text("transition_id"),
    identifier("connection_id"),
    identifier("workspace_id"),
    code("from_status", optional=True),
    code("to_status"),
    moment("at"),
    text("cause"),
    belongs_to("connection_id", "acp_connections", "connection_id"),
    indexes=[
        ("at", "transition_id"),
        ("connection_id", "at", "transition_id"),
        ("workspace_id", "at", "transition_id"),
        ("to_status", "at"),
    ],
)

MESSAGES: Final = record_table(
    "acp_messages",
    "id",
    uuid_text("id"),
    identifier("connection_id"),
    identifier("session_id", optional=True),
    code("direction"),
    code("message_type"),
    structure("payload"),
    digest("payload_ref"),
    moment("timestamp"),
    count("size"),
    flag("processed"),
    number("processing_time"),
    flag("error"),
    text("error_message"),
    belongs_to("connection_id", "acp_connections", "connection_id"),
    indexes=[
        ("timestamp", "id"),
        ("connection_id", "timestamp", "id"),
        ("session_id", "timestamp", "id"),
        ("message_type", "timestamp", "id"),
        ("payload_ref",),
    ],
)

SESSIONS: Final = record_table(
    "container_sessions",
    "session_id",
    identifier("session_id"),
    identifier("container_id"),
    identifier("workspace_id"),
    code("protocol_type"),
    flag("fallback_enabled"),
    identifier("acp_connection_id", optional=True),
    structure("protocol_metadata"),
    moment("created_at"),
    moment("updated_at"),
    moment("closed_at", optional=True),
    identifier("user_id", optional=True),
    belongs_to("container_id", "containers", "container_id"),
    belongs_to("acp_connection_id", "acp_connections", "connection_id", cascade=False),
    indexes=[
        ("created_at", "session_id"),
        ("updated_at", "session_id"),
        ("workspace_id", "created_at", "session_id"),
        ("container_id", "created_at", "session_id"),
        ("protocol_type", "created_at", "session_id"),
        ("closed_at", "created_at", "session_id"),
        ("user_id", "created_at", "session_id"),
        ("protocol_type", "closed_at"),
        ("protocol_type", "created_at", "workspace_id"),
        ("acp_connection_id",),
    ],
)

CONFIGURATIONS: Final = record_table(
    "connection_configurations",
    "id",
    uuid_text("id"),
    identifier("container_id"),
    count("max_reconnect_attempts"),
    count("reconnect_delay"),
    count("max_reconnect_delay"),
    count("idle_timeout"),
    count("keep_alive_interval"),
    flag("compression_enabled"),
    code("encryption_level"),
    flag("enable_bulk_operations"),
    flag("enable_status_events"),
    flag("enable_metrics"),
    moment("created_at"),
    moment("updated_at"),
    belongs_to("container_id", "containers", "container_id"),
    UniqueConstraint("installation_id", "container_id"),
    indexes=[("created_at", "id")],
)
