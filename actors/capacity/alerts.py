"""When capacity runs short: one open alert for each thing that fills up, and no flapping.

Plain state with the time handed in. An alert opens as a ``warning`` at 85 % or at once as ``critical`` at
95 %; a warning that reaches 95 % escalates. It is resolved after five minutes under 70 % on end, whatever it
was, and never becomes milder before.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from actors.events.contract import timestamp
from actors.protocol.capacity_alert import AlertCause, AlertState, AlertTrigger, CapacityAlert

WARNING_RATIO: Final = 0.85
CRITICAL_RATIO: Final = 0.95
CALM_RATIO: Final = 0.70
CALM_S: Final = 300.0

CLUSTER: Final = "cluster"
WORKER: Final = "worker:"
LIMIT: Final = "installation:"


@dataclass(frozen=True, slots=True)
class Load:
    """How much of a limit is taken.

    ``scope`` and ``cause`` together name what it is of; ``installation`` is who is told if it gets too much.
    """

    scope: str
    installation: str
    active: int
    limit: int
    cause: AlertCause = "capacity"
    workspaces: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """The share that is taken, 1.0 being all; what is there without a limit for it is too much."""
        if self.limit <= 0:
            return 1.0 if self.active > 0 else 0.0
        return self.active / self.limit


@dataclass(frozen=True, slots=True)
class AlertChange:
    """What became of an alert."""

    state: AlertState
    alert: CapacityAlert


@dataclass(slots=True)
class _Open:
    alert: CapacityAlert
    calm_since: float | None = None


class Alerts:
    """All open alerts. ``new_id`` makes the ids of new ones."""

    def __init__(self, new_id: Callable[[], str] = lambda: str(uuid.uuid4())) -> None:
        self._new_id = new_id
        self._open: dict[tuple[str, AlertCause], _Open] = {}

    @property
    def open(self) -> list[CapacityAlert]:
        """The alerts that are not resolved."""
        return [one.alert for one in self._open.values()]

    def restore(self, alerts: Iterable[CapacityAlert]) -> None:
        """Take up alerts that were open before this process began; their five minutes begin anew.

        Of one that several installations were told of the first counts.
        """
        for alert in alerts:
            if alert.is_open:
                self._open.setdefault((alert.scope, alert.cause), _Open(alert))

    def observe(self, loads: Iterable[Load], now: float, at: int) -> list[AlertChange]:
        """Compare loads with the thresholds; returns what changed.

        ``now`` is seconds of a clock that only goes forward, ``at`` the time for the record, epoch
        milliseconds. What is not among ``loads`` counts as empty.
        """
        found = {(load.scope, load.cause): load for load in loads}
        changes: list[AlertChange | None] = []
        for key, load in found.items():
            known = self._open.get(key)
            changes.append(self._opened(load, at) if known is None else _escalated(known, load, at))
        for key in list(self._open):
            ratio = found[key].ratio if key in found else 0.0
            changes.append(self._resolved(key, ratio, now, at))
        return [change for change in changes if change is not None]

    def _opened(self, load: Load, at: int) -> AlertChange | None:
        trigger = _trigger(load)
        if trigger is None:
            return None
        alert = CapacityAlert(
            alert_id=self._new_id(),
            installation_id=load.installation,
            workspace_ids=load.workspaces,
            scope=load.scope,
            cause=load.cause,
            trigger=trigger,
            active_connections=load.active,
            capacity_percent=round(load.ratio, 4),
            timestamp=timestamp(at),
        )
        self._open[load.scope, load.cause] = _Open(alert)
        return AlertChange("opened", alert)

    def _resolved(self, key: tuple[str, AlertCause], ratio: float, now: float, at: int) -> AlertChange | None:
        known = self._open[key]
        if ratio >= CALM_RATIO:
            known.calm_since = None
            return None
        if known.calm_since is None:
            known.calm_since = now
        if now - known.calm_since < CALM_S:
            return None
        del self._open[key]
        return AlertChange("resolved", replace(known.alert, resolved_at=timestamp(at)))


def _escalated(known: _Open, load: Load, at: int) -> AlertChange | None:
    if known.alert.trigger == "critical" or _trigger(load) != "critical":
        return None
    known.alert = replace(
        known.alert,
        trigger="critical",
        active_connections=load.active,
        capacity_percent=round(load.ratio, 4),
        timestamp=timestamp(at),
    )
    return AlertChange("escalated", known.alert)


def _trigger(load: Load) -> AlertTrigger | None:
    if load.ratio >= CRITICAL_RATIO:
        return "critical"
    return "warning" if load.ratio >= WARNING_RATIO else None
