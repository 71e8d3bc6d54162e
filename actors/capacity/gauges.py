"""What the capacity actor shows of itself when somebody asks for its metrics."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from actors.capacity.admission import Admission
from actors.capacity.ledger import Ledger
from actors.metrics import catalogue
from actors.metrics.meters import Meters, Values
from actors.protocol.capacity_alert import CapacityAlert

OTHER: Final = "other"


def watch_capacity(
    meters: Meters,
    ledger: Ledger,
    admission: Admission,
    open_alerts: Callable[[], list[CapacityAlert]],
    replicas: Callable[[], int],
    installations: int,
) -> None:
    """Show workers, places, admission and alerts; of the tenants the ``installations`` that have most."""

    def states() -> Values:
        found = Counter(view.state for view in ledger.views(time.monotonic()))
        return {(state,): found[state] for state in catalogue.WORKERS.labels[0].values}

    def places() -> Values:
        views = ledger.views(time.monotonic())
        return {(one.worker_id,): one.capacity if one.state == "alive" else 0 for one in views}

    def taken() -> Values:
        return {(one.worker_id,): one.sessions + one.reserved for one in ledger.views(time.monotonic())}

    meters.watch(catalogue.WORKERS, states)
    meters.watch(catalogue.PLACES, places)
    meters.watch(catalogue.PLACES_TAKEN, taken)
    meters.watch(catalogue.ADMISSION_WAITING, lambda: admission.figures(time.monotonic()).waiting)
    meters.watch(catalogue.ADMITTED, lambda: admission.figures(time.monotonic()).admitted)
    meters.watch(catalogue.ALERTS_OPEN, lambda: _alerts(open_alerts()))
    meters.watch(catalogue.REPLICAS, replicas)
    meters.watch(catalogue.INSTALLATION_SESSIONS, lambda: largest(ledger.roll.installations(), installations))


def largest(sessions: Mapping[str, int], most: int) -> Values:
    """The sessions of the ``most`` tenants that have most, and of all others together."""
    ordered = sorted(((name, count) for name, count in sessions.items() if name), key=_by_size)
    shown: dict[tuple[str, ...], float] = {(name,): count for name, count in ordered[:most] if name != OTHER}
    return {**shown, (OTHER,): sum(sessions.values()) - sum(shown.values())}


def _by_size(tenant: tuple[str, int]) -> tuple[int, str]:
    name, count = tenant
    return -count, name


def _alerts(found: list[CapacityAlert]) -> Values:
    counts: Counter[tuple[str, str]] = Counter((alert.cause, alert.trigger) for alert in found)
    causes, triggers = (label.values for label in catalogue.ALERTS_OPEN.labels)
    return {(cause, trigger): counts[cause, trigger] for cause in causes for trigger in triggers}
