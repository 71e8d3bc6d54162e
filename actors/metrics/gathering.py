"""What all processes have told of themselves last."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from actors.metrics.catalogue import AGE_SECONDS
from actors.metrics.exposition import Families, families, joined
from actors.metrics.metric import Role

SILENT_S: Final = 30.0
"""What has said nothing for so long is shown no more."""


@dataclass(frozen=True, slots=True)
class Report:
    """``key`` is one life of a process, ``process`` its name as its lines have it.

    A process without a name of its own asks for one: with the first report, which has no lines.
    """

    role: Role
    key: str
    process: str = ""
    families: Families = field(default_factory=dict)


class Gathering:
    """The last report of each process, by name. ``clock`` tells seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reports: dict[str, tuple[Report, float]] = {}

    def take(self, report: Report) -> str:
        """Keep a report; returns the name by which its process is to report from now on.

        Names without an owner are given again, the lowest number first, so there are never more of them
        than there were processes at a time. Prometheus takes a new owner's counts for those of a process
        that began anew, which is what it is.
        """
        now = self._clock()
        self._drop_silent(now)
        named = report.process or self._name_of(report)
        known = self._reports.get(named)
        if known is not None and known[0].key != report.key:
            named = self._free_name(report.role)
        if named == report.process or named not in self._reports:
            self._reports[named] = (report, now)
        return named

    def text(self) -> str:
        """All of it, for Prometheus."""
        now = self._clock()
        self._drop_silent(now)
        shown = {name: (one, at) for name, (one, at) in self._reports.items() if one.process == name}
        ages = [_age(name, now - at) for name, (_, at) in shown.items()]
        return joined([*(one.families for one, _ in shown.values()), *ages])

    def _name_of(self, report: Report) -> str:
        """The name that it was given before, or another one."""
        given = (name for name, (one, _) in self._reports.items() if one.key == report.key)
        return next(given, "") or self._free_name(report.role)

    def _free_name(self, role: Role) -> str:
        return next(name for at in itertools.count() if (name := f"{role}-{at}") not in self._reports)

    def _drop_silent(self, now: float) -> None:
        for name in [name for name, (_, at) in self._reports.items() if now - at > SILENT_S]:
            del self._reports[name]


def _age(process: str, age_s: float) -> Families:
    registry = CollectorRegistry()
    Gauge(AGE_SECONDS.name, AGE_SECONDS.help, registry=registry).set(age_s)
    return families(registry, process)
