"""Rows as each revision had them, table by table: never changed once a revision was released.

A revision that changes a table adds rows that only it can hold; those before it stay as they are.
"""

from __future__ import annotations

from typing import Final

TENANT: Final = "acme"

_NOON: Final = "2026-03-01 12:00:00.000000"
_FIRST: Final = "00000000-0000-0000-0000-000000000001"
_DIAGNOSTICS: Final = '[{"at": "2026-03-01T12:00:00.000Z", "code": "link-broken", "seq": 3}]'
_BY: Final = {"installation_id": TENANT, "stream": "acme/sess-1", "seq": 7}

ROWS: Final[dict[str, list[tuple[str, dict[str, object]]]]] = {
    "0001": [
        ("stream_positions", _BY | {"epoch": "e1"}),
        (
            "payloads",
            {"installation_id": TENANT, "sha256": "0" * 64, "body": "{}", "size": 2, "touched_at": _NOON},
        ),
        (
            "containers",
            _BY
            | {
                "container_id": "box-1",
                "workspace_id": "repo",
                "supported_protocols": '["http", "acp"]',
                "preferred_protocol": "acp",
                "created_at": _NOON,
                "updated_at": _NOON,
            },
        ),
        (
            "acp_connections",
            _BY
            | {
                "connection_id": "link-1",
                "workspace_id": "repo",
                "container_id": "box-1",
                "status": "connected",
                "protocol_version": "1.0.0",
                "negotiated_capabilities": '["loadSession", "fs.readTextFile"]',
                "success_rate": 0.995,
                "latency_p95": 12.5,
                "throughput_per_min": 60.0,
                "last_heartbeat": _NOON,
                "last_active": _NOON,
                "created_at": _NOON,
                "error_count": 0,
                "reconnect_count": 0,
                "rollback_triggered": False,
                "diagnostics": _DIAGNOSTICS,
                "metadata": '{"agent": {"name": "example"}}',
            },
        ),
        (
            "connection_transitions",
            _BY
            | {
                "transition_id": _FIRST,
                "connection_id": "link-1",
                "workspace_id": "repo",
                "from_status": "connecting",
                "to_status": "connected",
                "at": _NOON,
            },
        ),
        (
            "acp_messages",
            _BY
            | {
                "id": _FIRST,
                "connection_id": "link-1",
                "session_id": "sess-1",
                "direction": "inbound",
                "message_type": "event",
                "payload": '{"jsonrpc": "2.0", "method": "session/update", "params": {"n": 1}}',
                "timestamp": _NOON,
                "size": 64,
                "processed": True,
                "processing_time": 0.4,
                "error": False,
            },
        ),
        (
            "container_sessions",
            _BY
            | {
                "session_id": "sess-1",
                "container_id": "box-1",
                "workspace_id": "repo",
                "protocol_type": "acp",
                "fallback_enabled": True,
                "acp_connection_id": "link-1",
                "created_at": _NOON,
                "updated_at": _NOON,
            },
        ),
        (
            "connection_configurations",
            _BY
            | {
                "id": _FIRST,
                "container_id": "box-1",
                "max_reconnect_attempts": 5,
                "reconnect_delay": 1000,
                "max_reconnect_delay": 30000,
                "idle_timeout": 60000,
                "keep_alive_interval": 30000,
                "compression_enabled": True,
                "encryption_level": "standard",
                "enable_bulk_operations": True,
                "enable_status_events": True,
                "enable_metrics": True,
                "created_at": _NOON,
                "updated_at": _NOON,
            },
        ),
    ],
    "0002": [
        (
            "protocol_migrations",
            _BY
            | {
                "migration_id": _FIRST,
                "workspace_id": "repo",
                "container_id": "box-1",
                "initiated_by": "operator",
                "trigger": "manual",
                "from_protocol": "http",
                "to_protocol": "acp",
                "started_at": _NOON,
                "completed_at": _NOON,
                "status": "succeeded",
                "success": True,
                "attempt_count": 1,
                "rollback": False,
                "metrics_snapshot": '{"successRate": 1.0}',
            },
        ),
        (
            "rollback_events",
            _BY
            | {
                "event_id": _FIRST,
                "workspace_id": "repo",
                "trigger": "auto-threshold",
                "reason_code": "other",
                "initiated_at": _NOON,
                "previous_protocol": "acp",
                "new_protocol": "http",
                "follow_up_actions": '["notify-users", "schedule-review"]',
                "connection_id": "link-1",
            },
        ),
        (
            "automation_summaries",
            _BY
            | {
                "summary_id": _FIRST,
                "session_id": "sess-1",
                "workspace_id": "repo",
                "status": "success",
                "issue": '{"id": 7, "number": 3, "url": "https://github.com/a/b/issues/3", "title": "Fix"}',
                "pull_request": '{"number": 4, "url": "https://github.com/a/b/pull/4", "branch": "fix"}',
                "commit": '{"sha": "3f786850e387550fdaf836ed7e6dc881de23001b", "message": "Fix it"}',
                "duration_ms": 1200,
                "logs": '[{"level": "info", "text": "pushed"}]',
                "created_at": _NOON,
            },
        ),
        (
            "transcript_entries",
            _BY
            | {
                "entry_id": _FIRST,
                "session_id": "sess-1",
                "event_type": "toast",
                "message": "Skipped: the repository is blocked.",
                "context": '{"skipReason": "repo-blocked"}',
                "summary_id": _FIRST,
                "timestamp": _NOON,
            },
        ),
        (
            "capacity_alerts",
            _BY
            | {
                "alert_id": _FIRST,
                "workspace_ids": '["repo"]',
                "scope": "cluster",
                "cause": "capacity",
                "trigger": "warning",
                "active_connections": 860,
                "capacity_percent": 0.86,
                "timestamp": _NOON,
                "notified": True,
                "notification_channels": '["toast", "webhook"]',
            },
        ),
        (
            "metrics_envelopes",
            _BY
            | {
                "metric_id": _FIRST,
                "workspace_id": "repo",
                "timestamp": _NOON,
                "metric_type": "latency-p95-ms",
                "value": 12.5,
                "threshold_breached": False,
            },
        ),
    ],
    "0003": [
        (
            "set_aside",
            _BY | {"epoch": "e1", "kind": "notice", "reason": "ValueError", "at": _NOON},
        ),
        (
            "container_sessions",
            _BY
            | {
                "session_id": "sess-2",
                "container_id": "box-1",
                "workspace_id": "repo",
                "protocol_type": "http",
                "fallback_enabled": False,
                "created_at": _NOON,
                "updated_at": _NOON,
            },
        ),
    ],
    "0004": [
        (
            "api_keys",
            {
                "key_id": "0123456789abcdef",
                "installation_id": TENANT,
                "user_id": "ann",
                "roles": '["user"]',
                "digest": "0" * 64,
                "last_four": "0000",
                "created_at": _NOON,
            },
        ),
    ],
    "0005": [
        (
            "transcript_entries",
            _BY
            | {
                "entry_id": "00000000-0000-0000-0000-000000000005",
                "session_id": "sess-1",
                "event_type": "info",
                "message": "The agent is back after 3 attempts.",
                "timestamp": _NOON,
            },
        ),
    ],
    "0006": [
        (
            "metric_totals",
            {
                "installation_id": TENANT,
                "metric_type": "fallbacks",
                "timestamp": _NOON,
                "value": 2.0,
            },
        ),
    ],
    "0007": [
        (
            "runners",
            {
                "installation_id": TENANT,
                "agent_id": _FIRST,
                "name": "laptop",
                "user_id": "ann",
                "created_at": _NOON,
            },
        ),
        (
            "jobs",
            {
                "installation_id": TENANT,
                "job_id": _FIRST,
                "agent_id": _FIRST,
                "job_type": "backup",
                "parameters": "{}",
                "priority": 0,
                "status": "RUNNING",
                "attempts": 1,
                "attempts_left": 2,
                "max_attempts": 3,
                "lease_s": 60,
                "run_id": _FIRST,
                "lease_until": _NOON,
                "created_by": "ann",
                "created_at": _NOON,
                "started_at": _NOON,
            },
        ),
        (
            "job_runs",
            {
                "installation_id": TENANT,
                "run_id": _FIRST,
                "job_id": _FIRST,
                "attempt": 1,
                "status": "RUNNING",
                "percent": 12.5,
                "message": "Copying files.",
                "started_at": _NOON,
                "updated_at": _NOON,
            },
        ),
        (
            "instance_logs",
            {
                "installation_id": TENANT,
                "instance_id": "box-1",
                "seq": 1,
                "timestamp": _NOON,
                "level": "WARN",
                "message": "the disk is nearly full",
                "source": "agent",
            },
        ),
        (
            "setting_changes",
            {
                "installation_id": TENANT,
                "setting_id": _FIRST,
                "version": 1,
                "what": "created",
                "after": "{}",
                "changed_by": "ann",
                "at": _NOON,
            },
        ),
    ],
    "0008": [
        (
            "container_sessions",
            _BY
            | {
                "session_id": "sess-of-ann",
                "container_id": "box-1",
                "workspace_id": "repo",
                "protocol_type": "acp",
                "fallback_enabled": True,
                "acp_connection_id": "link-1",
                "created_at": _NOON,
                "updated_at": _NOON,
                "user_id": "ann",
            },
        ),
        (
            "erasures",
            _BY
            | {
                "erasure_id": _FIRST,
                "scope": "subject",
                "ordered_by": "0b1f6f0d5ac2a8e4",
                "ordered_at": _NOON,
                "completed_at": _NOON,
                "sessions": 2,
                "entries": 210,
                "records": 87,
                "digest": "0" * 64,
            },
        ),
    ],
    "0009": [
        (
            "analytics_outbox",
            {
                "installation_id": TENANT,
                "stream": "acme/sess-1",
                "topic": "events",
                "message_id": "acme/sess-1:e1:7:turn-ended",
                "key": "acme/repo",
                "name": "turn-ended",
                "body": "{}",
                "written_at": _NOON,
            },
        ),
    ],
}
