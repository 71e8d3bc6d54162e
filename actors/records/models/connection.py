"""The record of our link to one container, and of each change of its status (FR-006)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from actors.errors import Category
from actors.records.models.record import Part, Record
from actors.records.models.values import (
    Code,
    Count,
    Identifier,
    Milliseconds,
    Moment,
    Ratio,
    Semver,
    SmallJson,
    Text,
    UuidText,
)


class ConnectionStatus(StrEnum):
    """Where a connection stands, as the connection actor's states are named."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DEGRADED = "degraded"
    ERROR = "error"
    RECONNECTING = "reconnecting"
    ROLLED_BACK = "rolled-back"
    DISCONNECTED = "disconnected"


ACTIVE = (ConnectionStatus.CONNECTED, ConnectionStatus.DEGRADED)
"""A container has at most one connection in one of these."""


class Diagnostic(Part):
    """A reference to an event: what it was, and the journal's entry that says more."""

    at: Moment
    code: Code
    category: Category | None = None
    detail: Text = ""
    stream: Identifier | None = None
    seq: Count | None = None


class ACPConnectionRecord(Record):
    """One connection, and how well it does.

    ``success_rate`` (of operations) and ``latency_p95`` (milliseconds) are of the last hour, None where
    nothing was measured; ``throughput_per_min`` counts operations. ``last_active`` is the last message either
    way, ``last_heartbeat`` the last sign of life. ``rollback_triggered``: the workspace goes back to HTTP.
    """

    connection_id: Identifier
    workspace_id: Identifier
    container_id: Identifier
    status: ConnectionStatus
    protocol_version: Semver | None = None
    negotiated_capabilities: Annotated[tuple[Identifier, ...], Field(max_length=100)] = ()
    success_rate: Ratio | None = None
    latency_p95: Milliseconds | None = None
    throughput_per_min: Annotated[float, Field(ge=0.0)] | None = None
    last_heartbeat: Moment | None = None
    last_active: Moment
    created_at: Moment
    error_count: Count = 0
    reconnect_count: Count = 0
    rollback_triggered: bool = False
    rollback_cause: Text | None = None
    diagnostics: Annotated[tuple[Diagnostic, ...], Field(max_length=50, repr=False)] = ()
    metadata: Annotated[SmallJson, Field(repr=False)] = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.status in ACTIVE and self.protocol_version is None:
            raise ValueError("protocolVersion: a connection that is up has negotiated one")
        if self.rollback_triggered and not self.rollback_cause:
            raise ValueError("rollbackCause: a rollback that was triggered has a cause")
        return self


class ConnectionTransition(Record):
    """A change of a connection's status. ``from_status`` is None for the first."""

    transition_id: UuidText
    connection_id: Identifier
    workspace_id: Identifier
    from_status: ConnectionStatus | None = None
    to_status: ConnectionStatus
    at: Moment
    cause: Text | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.from_status is self.to_status:
            raise ValueError("toStatus: a transition leads to another status")
        return self
