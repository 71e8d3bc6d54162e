"""The records of a container, of its session and of how it is connected to."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from actors.records.models.record import Record
from actors.records.models.values import Identifier, Moment, Positive, Protocol, SmallJson, UuidText


class EncryptionLevel(StrEnum):
    """How a connection to a container is protected."""

    NONE = "none"
    STANDARD = "standard"
    HIGH = "high"


class Container(Record):
    """Where an agent runs, and the protocols that reach it."""

    container_id: Identifier
    workspace_id: Identifier
    supported_protocols: Annotated[tuple[Protocol, ...], Field(min_length=1)] = (Protocol.HTTP,)
    preferred_protocol: Protocol = Protocol.HTTP
    created_at: Moment
    updated_at: Moment

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.supported_protocols)) < len(self.supported_protocols):
            raise ValueError("supportedProtocols: names one twice")
        if self.preferred_protocol not in self.supported_protocols:
            raise ValueError("preferredProtocol: is none of supportedProtocols")
        return self


class ContainerSession(Record):
    """The session of a container, and how it is carried at present. A container has one at most.

    That its container supports the protocol is checked where it is stored. ``closed_at`` is None until it
    has ended. ``user_id`` is who opened it, if that was anybody in particular.
    """

    session_id: Identifier
    container_id: Identifier
    workspace_id: Identifier
    protocol_type: Protocol = Protocol.HTTP
    fallback_enabled: bool = True
    acp_connection_id: Identifier | None = None
    protocol_metadata: Annotated[SmallJson, Field(repr=False)] = None
    created_at: Moment
    updated_at: Moment
    closed_at: Moment | None = None
    user_id: Identifier | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.protocol_type is Protocol.ACP and self.acp_connection_id is None:
            raise ValueError("acpConnectionId: a session over acp has one")
        if self.closed_at is not None and self.closed_at < self.created_at:
            raise ValueError("closedAt: is before createdAt")
        return self


class AcpConnectionConfiguration(Record):
    """How a container is connected to. Delays, timeouts and intervals are in milliseconds."""

    id: UuidText
    container_id: Identifier
    max_reconnect_attempts: Annotated[int, Field(ge=0, le=1000)] = 5
    reconnect_delay: Positive = 1000
    max_reconnect_delay: Positive = 30_000
    idle_timeout: Positive = 60_000
    keep_alive_interval: Positive = 30_000
    compression_enabled: bool = True
    encryption_level: EncryptionLevel = EncryptionLevel.STANDARD
    enable_bulk_operations: bool = True
    enable_status_events: bool = True
    enable_metrics: bool = True
    created_at: Moment
    updated_at: Moment

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.reconnect_delay > self.max_reconnect_delay:
            raise ValueError("reconnectDelay: is more than maxReconnectDelay")
        return self
