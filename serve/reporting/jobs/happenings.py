"""What jobs tell the live events: that something happened. How a job stands says ``GET /jobs``."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from msgspec import UNSET

from actors.events.contract import LiveEvent, live_event, timestamp
from actors.jobs.models import Job
from actors.jobs.states import JobStatus
from actors.journal.clock import epoch_ms

PROGRESS: Final = "job:progress"
NAMES: Final = {
    JobStatus.COMPLETED: "job:completed",
    JobStatus.FAILED: "job:failed",
    JobStatus.CANCELLED: "job:cancelled",
}
_MOMENTS: Final = {
    JobStatus.COMPLETED: "completedAt",
    JobStatus.FAILED: "failedAt",
    JobStatus.CANCELLED: "cancelledAt",
}
EVERY_S: Final = 1.0
"""A run that reports more often is told of once in this time; what is kept is always the newest."""
MAX_RUNS: Final = 10_000


def ended(installation: str, job: Job) -> LiveEvent:
    """The event of a job that has ended; the same job's same end has the same id."""
    at = timestamp(epoch_ms())
    data: dict[str, object] = {
        "jobId": job.job_id,
        "jobRunId": job.job_run_id,
        "agentId": job.agent_id,
        "error": job.error,
        _MOMENTS[job.status]: at,
        "timestamp": at,
    }
    event_id = f"job:{job.job_id}:{job.attempts}:{job.status}"
    return live_event(NAMES[job.status], installation, _known(data), epoch_ms(), event_id)


def progressed(installation: str, job: Job) -> LiveEvent:
    """The event of a run that has come further."""
    data: dict[str, object] = {
        "jobId": job.job_id,
        "jobRunId": job.job_run_id,
        "agentId": job.agent_id,
        "status": job.status,
        "percent": job.progress_percent,
        "message": job.progress_message,
        "timestamp": timestamp(epoch_ms()),
    }
    return live_event(PROGRESS, installation, _known(data), epoch_ms())


def _known(data: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in data.items() if value is not UNSET}


class Pace:
    """Which of a run's reports are told to everybody: one a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: OrderedDict[str, float] = OrderedDict()

    def lets_pass(self, run_id: str) -> bool:
        """Whether this report is told."""
        moment = self._clock()
        if moment - self._told.get(run_id, float("-inf")) < EVERY_S:
            return False
        self._told[run_id] = moment
        self._told.move_to_end(run_id)
        while len(self._told) > MAX_RUNS:
            self._told.popitem(last=False)
        return True
