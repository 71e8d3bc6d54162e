"""What is written of each change for those who read it afterwards: migrations and rollbacks as JSON.

The JSON is that of the records ProtocolMigrationLog and RollbackEvent. A migration is written when it begins
and again, under the same id, when it has ended; a rollback likewise.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.migration.cause import Cause, Initiator, Trigger
from actors.migration.streams import WorkspaceName
from actors.protocol.agent_protocol import AgentProtocol

REASON_CODE: Final = "other"
"""Of the reasons that rollbacks may have, the one for what the success window or somebody decided."""


class Status(StrEnum):
    """How far a migration is."""

    IN_PROGRESS = "in-progress"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"


class Metrics(Struct, frozen=True, rename="camel"):
    """What was known when it was decided. What was not measured is None."""

    success_rate: float | None
    samples: int
    failed: int
    window_s: int
    threshold: float
    min_samples: int
    latency_p95_ms: float | None = None


class Migration(Struct, frozen=True):
    """A workspace's way to the other protocol. Times are epoch seconds.

    ``rollback`` is the id of the RollbackEvent that it carries out, "" for a way to ACP.
    """

    id: str
    to: AgentProtocol
    cause: Cause
    started_s: float
    metrics: Metrics
    attempts: int = 1
    rollback: str = ""


class _MigrationLog(Struct, rename="camel", omit_defaults=True):
    migration_id: str
    installation_id: str
    workspace_id: str
    initiated_by: Initiator
    from_protocol: AgentProtocol
    to_protocol: AgentProtocol
    started_at: str
    trigger: Trigger = Trigger.MANUAL
    completed_at: str | None = None
    status: Status = Status.IN_PROGRESS
    success: bool | None = None
    error_message: str | None = None
    attempt_count: int = 1
    rollback: bool = False
    rollback_reason: str | None = None
    metrics_snapshot: Metrics | None = None


class _RollbackEvent(Struct, rename="camel", omit_defaults=True):
    event_id: str
    installation_id: str
    workspace_id: str
    trigger: str
    reason_code: str
    initiated_at: str
    previous_protocol: AgentProtocol
    new_protocol: AgentProtocol
    completed_at: str | None = None
    follow_up_actions: tuple[str, ...] = ()
    migration_id: str | None = None


def begun(to: AgentProtocol, cause: Cause, metrics: Metrics, now_s: float, attempts: int = 1) -> Migration:
    """A migration that begins now; one to HTTP is a rollback."""
    rollback = str(uuid.uuid4()) if to is AgentProtocol.HTTP else ""
    return Migration(str(uuid.uuid4()), to, cause, now_s, metrics, attempts, rollback)


def migration_json(
    name: WorkspaceName,
    migration: Migration,
    status: Status = Status.IN_PROGRESS,
    ended_s: float | None = None,
    *,
    error: str = "",
    reason: str = "",
) -> bytes:
    """The migration's ProtocolMigrationLog. ``reason`` is the code of what rolled it back, if that was it."""
    log = _MigrationLog(
        migration_id=migration.id,
        installation_id=name.installation,
        workspace_id=name.workspace_id,
        initiated_by=migration.cause.by,
        trigger=migration.cause.trigger,
        from_protocol=migration.to.other,
        to_protocol=migration.to,
        started_at=iso(migration.started_s),
        completed_at=None if ended_s is None else iso(max(ended_s, migration.started_s)),
        status=status,
        success=None if status is Status.IN_PROGRESS else status is Status.SUCCEEDED,
        error_message=error or None,
        attempt_count=migration.attempts,
        rollback=status is Status.ROLLED_BACK,
        rollback_reason=reason or (migration.cause.code if migration.rollback else None),
        metrics_snapshot=migration.metrics,
    )
    return msgspec.json.encode(log)


def rollback_json(name: WorkspaceName, migration: Migration, ended_s: float | None = None) -> bytes:
    """The RollbackEvent of a migration to HTTP."""
    by = migration.cause.by
    event = _RollbackEvent(
        event_id=migration.rollback,
        installation_id=name.installation,
        workspace_id=name.workspace_id,
        trigger="auto-threshold" if by is Initiator.SYSTEM else f"manual-{by}",
        reason_code=REASON_CODE,
        initiated_at=iso(migration.started_s),
        completed_at=None if ended_s is None else iso(max(ended_s, migration.started_s)),
        previous_protocol=migration.to.other,
        new_protocol=migration.to,
        follow_up_actions=("cool-down", "probe") if by is Initiator.SYSTEM else ("await-return",),
        migration_id=migration.id,
    )
    return msgspec.json.encode(event)


def begun_again(migration: Migration) -> Migration:
    """The same migration, gone on with by another process."""
    return replace(migration, attempts=migration.attempts + 1)


def iso(at_s: float) -> str:
    """Epoch seconds as ISO 8601 in UTC, whole milliseconds."""
    moment = datetime.fromtimestamp(int(at_s * 1000) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
