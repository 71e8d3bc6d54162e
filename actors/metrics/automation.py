"""Runs of GitHub automation, counted where they end."""

from __future__ import annotations

from actors.metrics.catalogue import AUTOMATION_RUNS, AUTOMATION_SECONDS
from actors.metrics.meters import meters


def count_run(status: str, seconds: float) -> None:
    """A run is over: ``status`` as its summary has it, after ``seconds`` from when it was asked for."""
    counted = meters()
    counted.count(AUTOMATION_RUNS, status)
    counted.observe(AUTOMATION_SECONDS, seconds)
