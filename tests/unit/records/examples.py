"""Records to test with: one of each kind, valid, changed by what a test is about."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from actors.records.models import (
    AcpConnectionConfiguration,
    ACPConnectionRecord,
    AcpMessage,
    CapacityAlert,
    ConnectionTransition,
    Container,
    ContainerSession,
    Erasure,
    GitHubAutomationSummary,
    MetricsEnvelope,
    ProtocolMigrationLog,
    Record,
    RollbackEvent,
    SessionTranscriptEntry,
)

TENANT: Final = "acme"
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def number(n: int) -> str:
    """A UUID that sorts as its number does."""
    return str(uuid.UUID(int=n))


def container(**changed: object) -> Container:
    return Container.model_validate(
        {
            "installation_id": TENANT,
            "container_id": "box-1",
            "workspace_id": "repo",
            "supported_protocols": ["http", "acp"],
            "preferred_protocol": "acp",
            "created_at": NOON,
            "updated_at": NOON,
        }
        | changed
    )


def connection(**changed: object) -> ACPConnectionRecord:
    return ACPConnectionRecord.model_validate(
        {
            "installation_id": TENANT,
            "connection_id": "link-1",
            "workspace_id": "repo",
            "container_id": "box-1",
            "status": "connected",
            "protocol_version": "1.0.0",
            "negotiated_capabilities": ["loadSession", "fs.readTextFile"],
            "success_rate": 0.995,
            "latency_p95": 12.5,
            "throughput_per_min": 60,
            "last_heartbeat": at(2),
            "last_active": at(1),
            "created_at": NOON,
            "diagnostics": [{"at": NOON, "code": "link-broken", "category": "connection", "seq": 3}],
            "metadata": {"agent": {"name": "example"}},
        }
        | changed
    )


def transition(**changed: object) -> ConnectionTransition:
    return ConnectionTransition.model_validate(
        {
            "installation_id": TENANT,
            "transition_id": number(1),
            "connection_id": "link-1",
            "workspace_id": "repo",
            "from_status": "connecting",
            "to_status": "connected",
            "at": NOON,
        }
        | changed
    )


def message(**changed: object) -> AcpMessage:
    return AcpMessage.model_validate(
        {
            "installation_id": TENANT,
            "id": number(1),
            "connection_id": "link-1",
            "session_id": "sess-1",
            "direction": "inbound",
            "message_type": "event",
            "payload": {"jsonrpc": "2.0", "method": "session/update", "params": {"n": 1}},
            "timestamp": NOON,
            "size": 64,
            "processed": True,
            "processing_time": 0.4,
        }
        | changed
    )


def session(**changed: object) -> ContainerSession:
    return ContainerSession.model_validate(
        {
            "installation_id": TENANT,
            "session_id": "sess-1",
            "container_id": "box-1",
            "workspace_id": "repo",
            "protocol_type": "acp",
            "acp_connection_id": "link-1",
            "created_at": NOON,
            "updated_at": NOON,
        }
        | changed
    )


def configuration(**changed: object) -> AcpConnectionConfiguration:
    return AcpConnectionConfiguration.model_validate(
        {
            "installation_id": TENANT,
            "id": number(1),
            "container_id": "box-1",
            "created_at": NOON,
            "updated_at": NOON,
        }
        | changed
    )


def migration(**changed: object) -> ProtocolMigrationLog:
    return ProtocolMigrationLog.model_validate(
        {
            "installation_id": TENANT,
            "migration_id": number(1),
            "workspace_id": "repo",
            "container_id": "box-1",
            "initiated_by": "operator",
            "from_protocol": "http",
            "to_protocol": "acp",
            "started_at": NOON,
            "completed_at": at(1),
            "status": "succeeded",
            "success": True,
            "metrics_snapshot": {"successRate": 1.0},
        }
        | changed
    )


def rollback(**changed: object) -> RollbackEvent:
    return RollbackEvent.model_validate(
        {
            "installation_id": TENANT,
            "event_id": number(1),
            "workspace_id": "repo",
            "trigger": "auto-threshold",
            "reason_code": "other",
            "initiated_at": NOON,
            "previous_protocol": "acp",
            "new_protocol": "http",
            "follow_up_actions": ["notify-users", "schedule-review"],
            "connection_id": "link-1",
        }
        | changed
    )


def automation(**changed: object) -> GitHubAutomationSummary:
    return GitHubAutomationSummary.model_validate(
        {
            "installation_id": TENANT,
            "summary_id": number(1),
            "session_id": "sess-1",
            "workspace_id": "repo",
            "status": "success",
            "issue": {"id": 7, "number": 3, "url": "https://github.com/a/b/issues/3", "title": "Fix it"},
            "pull_request": {"number": 4, "url": "https://github.com/a/b/pull/4", "branch": "fix"},
            "commit": {"sha": "3f786850e387550fdaf836ed7e6dc881de23001b", "message": "Fix it"},
            "duration_ms": 1200,
            "logs": [{"level": "info", "text": "pushed"}],
            "created_at": NOON,
        }
        | changed
    )


def skipped(**changed: object) -> GitHubAutomationSummary:
    told = {"skip_reason": "repo-blocked", "toast_message": "Skipped.", "transcript_note": "It is blocked."}
    nothing = {"status": "skipped", "issue": None, "pull_request": None, "commit": None}
    return automation(**(nothing | told | changed))


def transcript(**changed: object) -> SessionTranscriptEntry:
    return SessionTranscriptEntry.model_validate(
        {
            "installation_id": TENANT,
            "entry_id": number(1),
            "session_id": "sess-1",
            "event_type": "toast",
            "message": "Skipped: the repository is blocked.",
            "context": {"skipReason": "repo-blocked"},
            "summary_id": number(1),
            "timestamp": NOON,
        }
        | changed
    )


def alert(**changed: object) -> CapacityAlert:
    return CapacityAlert.model_validate(
        {
            "installation_id": TENANT,
            "alert_id": number(1),
            "workspace_ids": ["repo"],
            "trigger": "warning",
            "active_connections": 860,
            "capacity_percent": 0.86,
            "timestamp": NOON,
            "notified": True,
            "notification_channels": ["toast", "webhook"],
        }
        | changed
    )


def metric(**changed: object) -> MetricsEnvelope:
    return MetricsEnvelope.model_validate(
        {
            "installation_id": TENANT,
            "metric_id": number(1),
            "workspace_id": "repo",
            "timestamp": NOON,
            "metric_type": "latency-p95-ms",
            "value": 12.5,
        }
        | changed
    )


def erasure(**changed: object) -> Erasure:
    return Erasure.model_validate(
        {
            "installation_id": TENANT,
            "erasure_id": number(1),
            "scope": "subject",
            "ordered_by": "0b1f6f0d5ac2a8e4",
            "ordered_at": NOON,
            "completed_at": at(3),
            "sessions": 2,
            "entries": 210,
            "records": 87,
            "digest": "0" * 64,
        }
        | changed
    )


EXAMPLES: Final[dict[str, Callable[..., Record]]] = {
    "containers": container,
    "acp_connections": connection,
    "connection_transitions": transition,
    "acp_messages": message,
    "container_sessions": session,
    "connection_configurations": configuration,
    "protocol_migrations": migration,
    "rollback_events": rollback,
    "automation_summaries": automation,
    "transcript_entries": transcript,
    "capacity_alerts": alert,
    "metrics_envelopes": metric,
    "erasures": erasure,
}
"""By the name of their table, each after those that it refers to."""
