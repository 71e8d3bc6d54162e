"""The record of a capacity alert (FR-010)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from actors.protocol.capacity_alert import AlertCause, AlertTrigger
from actors.records.models.record import Record
from actors.records.models.values import Count, Identifier, Moment, UuidText


class NotificationChannel(StrEnum):
    """How somebody was told."""

    TOAST = "toast"
    EMAIL = "email"
    WEBHOOK = "webhook"


class CapacityAlert(Record):
    """One alert, from its opening until it is resolved. It says what the live events said of it.

    ``capacity_percent`` is a ratio, as all shares are: 0.85 is 85 %. It may be over 1
    where a limit was lowered.
    """

    alert_id: UuidText
    workspace_ids: Annotated[tuple[Identifier, ...], Field(max_length=500)] = ()
    scope: Identifier = "cluster"
    cause: AlertCause = "capacity"
    trigger: AlertTrigger
    active_connections: Count
    capacity_percent: Annotated[float, Field(ge=0.0)]
    timestamp: Moment
    notified: bool = False
    notification_channels: Annotated[tuple[NotificationChannel, ...], Field(max_length=3)] = ()
    resolved_at: Moment | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.resolved_at is not None and self.resolved_at < self.timestamp:
            raise ValueError("resolvedAt: is before timestamp")
        if self.notified != bool(self.notification_channels):
            raise ValueError("notified: true where notificationChannels names one, and only there")
        return self
