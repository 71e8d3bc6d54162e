"""What the capacity actor tells of: alerts when room runs short, and workers and sessions that come and go.

Once a second, beside admission and never in its way: what is to be told waits in an outbox.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

from actors import errors
from actors.capacity.alert_events import events_of
from actors.capacity.alerts import CLUSTER, LIMIT, WORKER, AlertChange, Alerts, Load
from actors.capacity.changes import SessionChanges, WorkerChanges
from actors.capacity.ledger import Ledger, WorkerReport
from actors.capacity.retries import Retries
from actors.events.outbox import Outbox
from actors.journal.clock import epoch_ms
from actors.protocol.capacity_alert import CapacityAlert

log = logging.getLogger("lumilink.capacity")

EVERY_S: Final = 1.0
MOST_TOLD: Final = 200
"""Installations that are told of one alert at most: those with most sessions there."""


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """``operators`` is the installation that is told of workers and of the cluster.

    ``retries_per_minute`` are what counts as a retry storm; 0: none does. ``sessions_per_installation`` is
    the limit of each; 0: there is none. ``metrics_installations`` are shown by name in metrics.
    """

    operators: str = "default"
    retries_per_minute: int = 2_000
    sessions_per_installation: int = 0
    metrics_installations: int = 20


class Watch:
    """Compares the books with what was told before.

    ``refusals`` says how many requests were refused since the actor was made. ``clock`` tells seconds, as
    the ledger's times do.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings: WatchSettings,
        outbox: Outbox,
        refusals: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._outbox = outbox
        self._refusals = refusals
        self._refused = 0
        self._clock = clock
        self._alerts = Alerts()
        self._told: dict[str, dict[str, None]] = {}
        self._retries = Retries()
        self._workers = WorkerChanges(settings.operators)
        self._sessions = SessionChanges()

    async def run(self, open_alerts: Callable[[], Awaitable[list[CapacityAlert]]]) -> None:
        """Look once a second, for as long as the process lives.

        ``open_alerts`` asks which alerts are open; nothing opens one before that is known.
        """
        restored = False
        while True:
            if not restored:
                restored = await self._restore(open_alerts)
            self.look(restored)
            await asyncio.sleep(EVERY_S)

    def reported(self, report: WorkerReport) -> None:
        """A worker has reported, and its word counts."""
        at = epoch_ms()
        self._outbox.put(self._workers.report(report, at), urgent=True)
        self._outbox.put(self._sessions.report(report.worker_id, report.sessions, self._clock(), at))

    @property
    def open_alerts(self) -> list[CapacityAlert]:
        """The alerts that are not resolved."""
        return self._alerts.open

    def returned(self, count: int) -> None:
        """So many clients came back to their sessions."""
        self._retries.note(count, self._clock())

    def look(self, alerting: bool = True) -> None:
        """Tell what has changed. ``alerting``: alerts too."""
        now, at = self._clock(), epoch_ms()
        views = self._ledger.views(now)
        heard = [view.worker_id for view in views if view.state != "silent"]
        self._outbox.put(self._workers.settle(heard, at), urgent=True)
        self._outbox.put(self._sessions.settle([view.worker_id for view in views], now, at))
        if alerting:
            for change in self._alerts.observe(self._loads(now), now, at):
                self._outbox.put(events_of(change, at, self._recipients(change)), urgent=True)

    def _recipients(self, change: AlertChange) -> list[str]:
        """Who is told of an alert besides whose it is: the operators, and those whose sessions are there.

        Who was told of its beginning is told of its end, too.
        """
        alert, roll = change.alert, self._ledger.roll
        told = self._told.setdefault(alert.alert_id, {})
        told[self._settings.operators] = None
        counts: dict[str, int] = {}
        if alert.scope == CLUSTER:
            counts = roll.installations()
        elif alert.scope.startswith(WORKER):
            counts = roll.installations_at(alert.scope.removeprefix(WORKER))
        most = sorted(counts, key=lambda name: -counts[name])
        told |= dict.fromkeys(most[: max(0, MOST_TOLD - len(told))])
        if change.state == "resolved":
            del self._told[alert.alert_id]
        return list(told)

    async def _restore(self, open_alerts: Callable[[], Awaitable[list[CapacityAlert]]]) -> bool:
        try:
            found = await open_alerts()
            for alert in found:
                self._told.setdefault(alert.alert_id, {})[alert.installation_id] = None
            self._alerts.restore(sorted(found, key=self._is_copy))
        except errors.LumiLinkError as error:
            log.warning("no alerts yet, as it is not known which are open: %s", error)
            return False
        return True

    def _is_copy(self, alert: CapacityAlert) -> bool:
        """Whether it is another's, who is told of it, too."""
        own = alert.scope.startswith(LIMIT)
        return alert.installation_id != (alert.scope.removeprefix(LIMIT) if own else self._settings.operators)

    def _loads(self, now: float) -> Iterator[Load]:
        alive = [view for view in self._ledger.views(now) if view.state == "alive"]
        operators = self._settings.operators
        taken = sum(one.sessions + one.reserved for one in alive)
        yield Load(CLUSTER, operators, taken, sum(one.capacity for one in alive))
        if len(alive) > 1:
            for one in alive:
                yield Load(f"{WORKER}{one.worker_id}", operators, one.sessions + one.reserved, one.capacity)
        if limit := self._settings.sessions_per_installation:
            for name, count in self._ledger.roll.installations().items():
                yield Load(f"{LIMIT}{name}", name, count, limit)
        if limit := self._settings.retries_per_minute:
            yield Load(CLUSTER, operators, self._retry_count(now), limit, "retry-storm")

    def _retry_count(self, now: float) -> int:
        refused = self._refusals()
        self._retries.note(refused - self._refused, now)
        self._refused = refused
        return self._retries.count(now)
