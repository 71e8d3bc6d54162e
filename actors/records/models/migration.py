"""The record of a change of protocol, and of a rollback from one (FR-003, FR-007)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from actors.records.models.record import Record
from actors.records.models.values import (
    Code,
    Identifier,
    Moment,
    Positive,
    Protocol,
    SmallJson,
    Text,
    UuidText,
)


class Initiator(StrEnum):
    """Who began a migration."""

    SYSTEM = "system"
    OPERATOR = "operator"
    USER = "user"


class MigrationTrigger(StrEnum):
    """What began a migration: somebody, a date, or the rollout."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    AUTOMATIC = "automatic"


class MigrationStatus(StrEnum):
    """How far a migration is."""

    IN_PROGRESS = "in-progress"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"


class RollbackTrigger(StrEnum):
    """What began a rollback."""

    AUTO_THRESHOLD = "auto-threshold"
    MANUAL_OPERATOR = "manual-operator"
    MANUAL_USER = "manual-user"


class ReasonCode(StrEnum):
    """Why a workspace went back: the reasons of a skipped automation, and capacity."""

    REPO_BLOCKED = "repo-blocked"
    MISSING_CREDENTIAL = "missing-credential"
    AUTOMATION_DISABLED = "automation-disabled"
    RATE_LIMITED = "rate-limited"
    OTHER = "other"
    CAPACITY = "capacity"


_SUCCESS: Final = {
    MigrationStatus.IN_PROGRESS: None,
    MigrationStatus.SUCCEEDED: True,
    MigrationStatus.ROLLED_BACK: False,
    MigrationStatus.FAILED: False,
}


class ProtocolMigrationLog(Record):
    """A workspace's way from one protocol to the other, or one container's where ``container_id`` is set.

    ``success`` and ``rollback`` follow from ``status``; both are kept, since both are asked for.
    ``rollback_reason`` is a ReasonCode or the code of an alert.
    """

    migration_id: UuidText
    workspace_id: Identifier
    container_id: Identifier | None = None
    initiated_by: Initiator
    trigger: MigrationTrigger = MigrationTrigger.MANUAL
    from_protocol: Protocol
    to_protocol: Protocol
    started_at: Moment
    completed_at: Moment | None = None
    status: MigrationStatus = MigrationStatus.IN_PROGRESS
    success: bool | None = None
    error_message: Text | None = None
    attempt_count: Positive = 1
    rollback: bool = False
    rollback_reason: Code | None = None
    metrics_snapshot: Annotated[SmallJson, Field(repr=False)] = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.from_protocol is self.to_protocol:
            raise ValueError("toProtocol: is the same as fromProtocol")
        if self.completed_at is not None and self.completed_at < self.started_at:
            raise ValueError("completedAt: is before startedAt")
        if self.completed_at is not None and self.success is None:
            raise ValueError("success: has to be said of what is completed")
        if (self.completed_at is None) != (self.status is MigrationStatus.IN_PROGRESS):
            raise ValueError("status: a migration is in-progress until completedAt, and not after")
        if self.success is not _SUCCESS[self.status]:
            raise ValueError("success: does not agree with status")
        if self.rollback != (self.status is MigrationStatus.ROLLED_BACK):
            raise ValueError("rollback: does not agree with status")
        return self


class RollbackEvent(Record):
    """A workspace went back to another protocol. What it refers to is None where there is none."""

    event_id: UuidText
    workspace_id: Identifier
    trigger: RollbackTrigger
    reason_code: ReasonCode
    initiated_at: Moment
    completed_at: Moment | None = None
    previous_protocol: Protocol
    new_protocol: Protocol
    follow_up_actions: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    connection_id: Identifier | None = None
    migration_id: UuidText | None = None
    summary_id: UuidText | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.previous_protocol is self.new_protocol:
            raise ValueError("newProtocol: is the same as previousProtocol")
        if self.completed_at is not None and self.completed_at < self.initiated_at:
            raise ValueError("completedAt: is before initiatedAt")
        return self
