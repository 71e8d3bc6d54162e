"""The Ray actor around what is gathered: one for the cluster, found by name.

It keeps nothing that is not told anew within seconds, so it may be restarted at any time.
"""

from __future__ import annotations

from typing import cast

from ray.actor import ActorHandle

from actors.metrics.client import METRICS_NAME, start_telling
from actors.metrics.gathering import Gathering, Report
from actors.metrics.metric import Role
from actors.shells import start_named


class MetricsShell:
    """Told by every process; asked by the reporting replicas."""

    def __init__(self) -> None:
        self._gathering = Gathering()
        self._telling = start_telling(Role.METRICS, Role.METRICS.value)

    async def take(self, report: Report) -> str:
        """See ``Gathering.take``."""
        return self._gathering.take(report)

    async def text(self) -> str:
        """See ``Gathering.text``."""
        return self._gathering.text()


def start_metrics(on: dict[str, float] | None = None) -> ActorHandle[MetricsShell]:
    """Make the cluster's metrics actor; ``on`` is what its node must have."""
    return cast("ActorHandle[MetricsShell]", start_named(MetricsShell, METRICS_NAME, on=on))
