"""Rows of the database as runners and jobs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from msgspec import UNSET
from sqlalchemy import ColumnElement, RowMapping, Select, and_, select

from actors.jobs.models import Assignment, Job, Runner
from actors.jobs.states import JobStatus
from actors.records.tables import JOB_RUNS, JOBS

J: Final = JOBS.c
R: Final = JOB_RUNS.c
_RUN_COLUMNS: Final = (R.percent, R.message, R.result, R.error)


def now() -> datetime:
    """The moment, in whole milliseconds as all that is kept."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def is_job(installation: str, job_id: str) -> ColumnElement[bool]:
    """The one job of an installation."""
    return and_(J.installation_id == installation, J.job_id == job_id)


def is_run(installation: str, run_id: str) -> ColumnElement[bool]:
    """The one run of an installation."""
    return and_(R.installation_id == installation, R.run_id == run_id)


def jobs_with_runs() -> Select[Any]:
    """All jobs, each with its latest run."""
    latest = and_(R.installation_id == J.installation_id, R.run_id == J.run_id)
    return select(JOBS, *_RUN_COLUMNS).outerjoin(JOB_RUNS, latest)


def job_of(row: RowMapping) -> Job:
    """A row of ``jobs_with_runs`` as a job."""
    return Job(
        job_id=row["job_id"],
        job_type=row["job_type"],
        status=JobStatus(row["status"]),
        agent_id=row["agent_id"],
        parameters=row["parameters"] or {},
        priority=row["priority"],
        retry_count=max(0, row["attempts"] - 1),
        attempts=row["attempts"],
        max_attempts=row["max_attempts"],
        lease_s=row["lease_s"],
        created_at=row["created_at"],
        job_run_id=_known(row["run_id"]),
        instance_id=_known(row["instance_id"]),
        started_at=_known(row["started_at"]),
        completed_at=_known(row["completed_at"]),
        progress_percent=_known(row["percent"]),
        progress_message=_known(row["message"]),
        result=_known(row["result"]),
        error=_known(row["error"]),
    )


def assignment_of(row: RowMapping, run_id: str, attempt: int, lease_ends_at: datetime) -> Assignment:
    """A job's row as what its runner is given."""
    return Assignment(
        job_id=row["job_id"],
        job_run_id=run_id,
        job_type=row["job_type"],
        parameters=row["parameters"] or {},
        attempt=attempt,
        lease_s=row["lease_s"],
        lease_ends_at=lease_ends_at,
        instance_id=_known(row["instance_id"]),
    )


def runner_of(row: RowMapping) -> Runner:
    """A row of the runners' table."""
    return Runner(
        agent_id=row["agent_id"],
        name=row["name"],
        user=row["user_id"],
        active=row["deactivated_at"] is None,
        created_at=row["created_at"],
        last_seen_at=_known(row["last_seen_at"]),
    )


# A column's value is of any type; None is what is not known.
def _known(value: Any) -> Any:
    return UNSET if value is None else value
