"""The record of a capacity alert: a threshold was crossed, by whom, and when it was over (FR-010)."""

from __future__ import annotations

from typing import Final, Literal, get_args

from msgspec import Struct

AlertTrigger = Literal["warning", "critical"]
AlertCause = Literal["capacity", "retry-storm"]
AlertState = Literal["opened", "escalated", "resolved"]

STATE_OF: Final[dict[str, AlertState]] = {f"capacity-alert:{state}": state for state in get_args(AlertState)}
"""What each of the live events that carry an alert says has become of it."""
EVENT_OF: Final = {state: name for name, state in STATE_OF.items()}


class CapacityAlert(Struct, frozen=True, kw_only=True, rename="camel"):
    """One alert, from its opening until it is resolved. Its JSON form is what APIs and channels show.

    ``installation_id`` is who is told. ``scope`` is what is full: ``cluster``, ``worker:ID`` or
    ``installation:ID``. ``active_connections`` are the sessions that were there when ``trigger`` was reached
    and ``capacity_percent`` their share of what may be there, as a ratio: 0.95 is 95 %. Of a retry storm they
    are the retries of the last minute, and their share of what counts as a storm. ``timestamp`` is when
    ``trigger`` was reached. ``notification_channels`` are those that have told somebody of it.
    """

    alert_id: str
    installation_id: str
    workspace_ids: tuple[str, ...] = ()
    scope: str
    cause: AlertCause
    trigger: AlertTrigger
    active_connections: int
    capacity_percent: float
    timestamp: str
    notified: bool = False
    notification_channels: tuple[str, ...] = ()
    resolved_at: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not been resolved."""
        return self.resolved_at is None
