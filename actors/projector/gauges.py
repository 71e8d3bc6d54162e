"""What the projector shows of itself when somebody asks for its metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.metrics import catalogue
from actors.metrics.meters import Meters, Values
from actors.projector.figures import ProjectorFigures

if TYPE_CHECKING:
    from actors.analytics.relay import RelayFigures


def watch_projector(meters: Meters, figures: Callable[[], ProjectorFigures]) -> None:
    """Show how far the records are behind, and how many entries became some."""

    def lag() -> Values:
        found = figures()
        return {("50",): found.lag_p50_s, ("95",): found.lag_p95_s, ("100",): found.lag_max_s}

    meters.watch(catalogue.PROJECTOR_LAG, lag)
    meters.watch(catalogue.PROJECTOR_WAITING, lambda: figures().waiting_streams)
    meters.watch(catalogue.PROJECTOR_ENTRIES, lambda: figures().entries)
    meters.watch(catalogue.PROJECTOR_ASIDE, lambda: figures().set_aside)


def watch_analytics(meters: Meters, figures: Callable[[], RelayFigures]) -> None:
    """Show what waits for the broker, since when, and what it has taken and refused."""
    meters.watch(catalogue.ANALYTICS_WAITING, lambda: figures().waiting)
    meters.watch(catalogue.ANALYTICS_OLDEST, lambda: figures().oldest_s)
    meters.watch(catalogue.ANALYTICS_DEAD, lambda: figures().dead)
    meters.watch(catalogue.ANALYTICS_SENT, lambda: figures().sent)
