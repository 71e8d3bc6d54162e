"""The jobs of a runner: taken once, under a lease, and reported under the fence of the run.

Every change is one compare-and-set on the job's row. A run's id is the fence: whoever reports under one that
is not the job's any more is told so, and nothing is changed.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from actors import errors
from actors.jobs.models import Assignment, Job, Outcome, Progress, RunStatus
from actors.jobs.rows import J, assignment_of, is_job, is_run, now
from actors.jobs.states import JobChange, JobStatus, after
from actors.jobs.store import check_json, read
from actors.protocol.redacted_json import redact_json
from actors.protocol.redaction import redact
from actors.records.database import Database
from actors.records.models.values import TEXT_CHARS
from actors.records.tables import JOB_RUNS, JOBS

PUT_BACK: Final = 100
"""How many lost leases are looked after at a time."""
_CHANGE_OF: Final = {
    JobStatus.COMPLETED: JobChange.COMPLETED,
    JobStatus.FAILED: JobChange.FAILED,
    JobStatus.CANCELLED: JobChange.CANCELLED,
}
LEASE_LOST: Final = "The runner did not report in time."


class Claims:
    """All methods raise JournalUnavailableError if the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_back(self, installation: str, moment: datetime | None = None) -> list[Job]:
        """Have jobs whose lease has ended wait again; returns those that were begun too often and failed."""
        moment = moment or now()
        lost = select(JOBS).where(
            J.installation_id == installation, J.status == JobStatus.RUNNING, J.lease_until < moment
        )
        failed: list[Job] = []
        async with self._database.transaction() as connection:
            for row in (await connection.execute(lost.limit(PUT_BACK))).mappings().all():
                if await _let_go(connection, installation, row, moment):
                    job = await read(connection, installation, row["job_id"])
                    failed += [job] if job.status is JobStatus.FAILED else []
        return failed

    async def claim(
        self, installation: str, agent_id: str, limit: int = 1, moment: datetime | None = None
    ) -> list[Assignment]:
        """Take the most urgent jobs that wait for a runner, those that wait longest first."""
        moment = moment or now()
        waiting = (
            select(JOBS)
            .where(J.installation_id == installation, J.agent_id == agent_id, J.status == JobStatus.QUEUED)
            .order_by(J.priority.desc(), J.created_at, J.job_id)
            .limit(limit)
        )
        taken: list[Assignment] = []
        async with self._database.transaction() as connection:
            for row in (await connection.execute(waiting)).mappings().all():
                assignment = await _take(connection, installation, row, moment)
                taken += [assignment] if assignment is not None else []
        return taken

    async def progress(
        self, installation: str, job_id: str, run_id: str, said: Progress, moment: datetime | None = None
    ) -> Job:
        """Note how far a run has come, and keep its lease.

        Raises RecordNotFoundError, or ConflictError if the run is over: cancelled, or lost to another.
        """
        moment = moment or now()
        values: dict[str, object] = {"updated_at": moment}
        if said.percent is not None:
            values["percent"] = said.percent
        if said.message is not None:
            values["message"] = _text(said.message)
        async with self._database.transaction() as connection:
            job = await read(connection, installation, job_id)
            kept = {"lease_until": moment + timedelta(seconds=job.lease_s)}
            if not await _change(connection, installation, job_id, run_id, kept):
                raise _over(job, run_id)
            await connection.execute(update(JOB_RUNS).where(is_run(installation, run_id)).values(**values))
            return await read(connection, installation, job_id)

    async def complete(
        self, installation: str, job_id: str, run_id: str, outcome: Outcome, moment: datetime | None = None
    ) -> tuple[Job, bool]:
        """End a run, and whether that is new: saying the same again changes nothing.

        Raises RecordNotFoundError, InvalidParamsError for a result over 32 KB, or ConflictError if the run
        is over: it ended otherwise, was cancelled, or lost to another.
        """
        moment = moment or now()
        status = after(JobStatus.RUNNING, _CHANGE_OF[outcome.status])
        ended = _ended(outcome)
        async with self._database.transaction() as connection:
            job = await read(connection, installation, job_id)
            values = {"status": status, "completed_at": moment, "lease_until": None}
            if await _change(connection, installation, job_id, run_id, values):
                ended |= {"updated_at": moment, "ended_at": moment}
                await connection.execute(update(JOB_RUNS).where(is_run(installation, run_id)).values(**ended))
                return await read(connection, installation, job_id), True
            # Read anew: another may have ended it since.
            if await _ended_so(connection, installation, job_id, run_id, ended):
                return await read(connection, installation, job_id), False
        raise _over(job, run_id)

    async def runner_of(self, installation: str, job_id: str) -> str:
        """The runner that a job is for. Raises RecordNotFoundError."""
        async with self._database.transaction() as connection:
            return (await read(connection, installation, job_id)).agent_id


async def _take(
    connection: AsyncConnection, installation: str, row: RowMapping, moment: datetime
) -> Assignment | None:
    """Claim the job that was seen waiting; None if another was faster."""
    run_id, attempt = str(uuid.uuid4()), row["attempts"] + 1
    lease_until = moment + timedelta(seconds=row["lease_s"])
    values = {
        "status": after(JobStatus.QUEUED, JobChange.CLAIMED),
        "attempts": attempt,
        "attempts_left": row["attempts_left"] - 1,
        "run_id": run_id,
        "lease_until": lease_until,
        "started_at": row["started_at"] or moment,
    }
    as_seen = (J.status == JobStatus.QUEUED) & (J.attempts == row["attempts"])
    done = await connection.execute(
        update(JOBS).where(is_job(installation, row["job_id"]), as_seen).values(**values)
    )
    if not done.rowcount:
        return None
    run = {"job_id": row["job_id"], "attempt": attempt, "status": RunStatus.RUNNING}
    times = {"started_at": moment, "updated_at": moment}
    await connection.execute(
        insert(JOB_RUNS).values(installation_id=installation, run_id=run_id, **run, **times)
    )
    return assignment_of(row, run_id, attempt, lease_until)


async def _let_go(connection: AsyncConnection, installation: str, row: RowMapping, moment: datetime) -> bool:
    """Whether the lost run was still the job's, and its lease was not renewed meanwhile."""
    change = JobChange.LOST if row["attempts_left"] > 0 else JobChange.GIVEN_UP
    status = after(JobStatus.RUNNING, change)
    values: dict[str, Any] = {"status": status, "lease_until": None}
    values |= {"completed_at": moment} if status is JobStatus.FAILED else {}
    as_seen = (J.run_id == row["run_id"]) & (J.status == JobStatus.RUNNING)
    done = await connection.execute(
        update(JOBS)
        .where(is_job(installation, row["job_id"]), as_seen, J.lease_until < moment)
        .values(**values)
    )
    if not done.rowcount:
        return False
    lost = {"status": RunStatus.LOST, "error": LEASE_LOST, "updated_at": moment, "ended_at": moment}
    await connection.execute(update(JOB_RUNS).where(is_run(installation, row["run_id"])).values(**lost))
    return True


async def _change(
    connection: AsyncConnection, installation: str, job_id: str, run_id: str, values: dict[str, Any]
) -> bool:
    """Whether the run is the job's, and goes on."""
    fence = (J.run_id == run_id) & (J.status == JobStatus.RUNNING)
    done = await connection.execute(update(JOBS).where(is_job(installation, job_id), fence).values(**values))
    return done.rowcount == 1


async def _ended_so(
    connection: AsyncConnection, installation: str, job_id: str, run_id: str, ended: dict[str, Any]
) -> bool:
    """Whether the run has ended exactly so already."""
    asked = select(JOB_RUNS).where(is_run(installation, run_id), JOB_RUNS.c.job_id == job_id)
    row = (await connection.execute(asked)).mappings().one_or_none()
    return row is not None and all(row[name] == value for name, value in ended.items())


def _ended(outcome: Outcome) -> dict[str, Any]:
    """As it is kept: without credentials, and cut where it is too long. Raises InvalidParamsError."""
    result = None if outcome.result is None else redact_json(outcome.result)
    check_json("result", result)
    return {
        "status": RunStatus(outcome.status),
        "result": result,
        "error": None if outcome.error is None else _text(outcome.error),
        "error_details": None if outcome.details is None else _text(outcome.details),
    }


def _text(said: str) -> str:
    shown = redact(said).replace("\0", "\ufffd")
    return shown if len(shown) <= TEXT_CHARS else f"{shown[: TEXT_CHARS - 1]}…"


def _over(job: Job, run_id: str) -> errors.ConflictError:
    if job.job_run_id != run_id:
        return errors.ConflictError("the run is not the job's any more: its lease has ended, or it never was")
    return errors.ConflictError(f"the run is over: the job is {job.status}")
