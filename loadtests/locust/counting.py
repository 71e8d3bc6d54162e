"""Writes what Locust counted to a file, for the process that started it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from locust.env import Environment
from locust.runners import WorkerRunner
from locust.stats import StatsEntry

from loadtests.locust.outcome import Counted, Event, Failure, Outcome
from loadtests.locust.running import outcome_file

_P50: Final = 0.5
_P95: Final = 0.95
_P99: Final = 0.99


def outcome_of(environment: Environment) -> Outcome:
    """All that was counted by now."""
    stats = environment.stats
    exceptions = environment.runner.exceptions.values() if environment.runner else ()
    return Outcome(
        counted=[_counted(entry) for entry in stats.entries.values()],
        failures=[
            Failure(Event(one.method, one.name), str(one.error), one.occurrences)
            for one in stats.errors.values()
        ],
        crashes={str(one["msg"]): int(one["count"]) for one in exceptions},
    )


def _counted(entry: StatsEntry) -> Counted:
    return Counted(
        event=Event(entry.method or "", entry.name),
        times=entry.num_requests,
        failures=entry.num_failures,
        p50_ms=entry.get_response_time_percentile(_P50),
        p95_ms=entry.get_response_time_percentile(_P95),
        p99_ms=entry.get_response_time_percentile(_P99),
        max_ms=entry.max_response_time,
    )


def write_outcome(environment: Environment, **_: object) -> None:
    """Called by Locust when it quits. Workers have told the master."""
    file = outcome_file()
    if file and not isinstance(environment.runner, WorkerRunner):
        Path(file).write_bytes(msgspec.json.encode(outcome_of(environment)))
