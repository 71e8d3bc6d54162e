"""The jobs of an installation, as those who want them done see them: made, listed, cancelled, retried."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import JsonValue
from sqlalchemy import ColumnElement, delete, func, insert, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from actors import errors
from actors.jobs.models import Job, JobPage, NewJob, RunStatus
from actors.jobs.rows import J, is_job, is_run, job_of, jobs_with_runs, now
from actors.jobs.states import ENDED, JobChange, JobStatus, after
from actors.protocol.redacted_json import redact_json
from actors.records.database import Database
from actors.records.models.values import INLINE_BYTES, encoded, iso
from actors.records.tables import JOB_RUNS, JOBS

MAX_QUEUED: Final = 1_000
"""How many jobs may wait for one runner."""
PURGED: Final = 200
"""How many jobs that ended long ago go with each that is made."""
_TRIES: Final = 5
"""How often a change is tried while others change the same job."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for a job that does not say otherwise, and for how long jobs that have ended are kept."""

    lease_s: int = 60
    max_attempts: int = 3
    keep_days: int = 30


@dataclass(frozen=True, slots=True)
class JobQuery:
    """``limit`` is 1 to 200; ``cursor`` the ``next_cursor`` of the page before."""

    status: JobStatus | None = None
    agent_id: str | None = None
    job_type: str | None = None
    limit: int = 50
    cursor: str | None = None


class JobStore:
    """All methods raise JournalUnavailableError if the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, installation: str, wanted: NewJob, user: str, terms: Terms) -> Job:
        """Queue a job; its runner must be there.

        Raises InvalidParamsError for parameters over 32 KB or with a credential in them, MailboxFullError
        where 1,000 wait for the runner.
        """
        _check_parameters(wanted)
        moment, job_id = now(), str(uuid.uuid4())
        attempts = wanted.max_attempts or terms.max_attempts
        async with self._database.transaction() as connection:
            await _make_room(connection, installation, wanted.agent_id, moment, terms)
            await connection.execute(
                insert(JOBS).values(
                    installation_id=installation,
                    job_id=job_id,
                    agent_id=wanted.agent_id,
                    job_type=wanted.job_type,
                    instance_id=wanted.instance_id,
                    parameters=wanted.parameters,
                    priority=wanted.priority,
                    status=JobStatus.QUEUED,
                    attempts=0,
                    attempts_left=attempts,
                    max_attempts=attempts,
                    lease_s=wanted.lease_s or terms.lease_s,
                    created_by=user,
                    created_at=moment,
                )
            )
            return await read(connection, installation, job_id)

    async def get(self, installation: str, job_id: str) -> Job:
        """One job. Raises RecordNotFoundError."""
        async with self._database.transaction() as connection:
            return await read(connection, installation, job_id)

    async def page(self, installation: str, query: JobQuery) -> JobPage:
        """A page of jobs, the newest first. Raises InvalidParamsError for a cursor that is none."""
        asked = jobs_with_runs().where(J.installation_id == installation, *_conditions(query))
        asked = asked.order_by(J.created_at.desc(), J.job_id.desc()).limit(query.limit + 1)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(asked)).mappings().all()
        jobs = [job_of(row) for row in rows[: query.limit]]
        return JobPage(jobs, _cursor(jobs[-1]) if len(rows) > query.limit else None)

    async def cancel(self, installation: str, job_id: str) -> tuple[Job, bool]:
        """Have a job not done, and whether that is new. A run of it is told so when it next reports.

        Raises RecordNotFoundError, or ConflictError for one that has ended otherwise.
        """
        for _ in range(_TRIES):
            async with self._database.transaction() as connection:
                job = await read(connection, installation, job_id)
                if job.status is JobStatus.CANCELLED:
                    return job, False
                values = {"status": after(job.status, JobChange.CANCELLED), "completed_at": now()}
                if await _change(connection, installation, job, values | {"lease_until": None}):
                    if job.status is JobStatus.RUNNING:
                        await _end_run(connection, installation, str(job.job_run_id))
                    return await read(connection, installation, job_id), True
        raise _busy()

    async def retry(self, installation: str, job_id: str) -> Job:
        """Queue a job again that failed or was cancelled, with all its attempts.

        Raises RecordNotFoundError, or ConflictError for one that has not ended so.
        """
        for _ in range(_TRIES):
            async with self._database.transaction() as connection:
                job = await read(connection, installation, job_id)
                values = {
                    "status": after(job.status, JobChange.RETRIED),
                    "attempts_left": job.max_attempts,
                    "completed_at": None,
                }
                if await _change(connection, installation, job, values):
                    return await read(connection, installation, job_id)
        raise _busy()


async def read(connection: AsyncConnection, installation: str, job_id: str) -> Job:
    """One job, within a transaction. Raises RecordNotFoundError."""
    found = await connection.execute(jobs_with_runs().where(is_job(installation, job_id)))
    row = found.mappings().one_or_none()
    if row is None:
        raise errors.RecordNotFoundError(f"there is no job of jobId {job_id[:80]!r}")
    return job_of(row)


async def _change(
    connection: AsyncConnection, installation: str, seen: Job, values: dict[str, object]
) -> bool:
    """Whether the job was still as it was seen; attempts grow with every run, so no other looks the same."""
    as_seen = (J.status == seen.status) & (J.attempts == seen.attempts)
    done = await connection.execute(
        update(JOBS).where(is_job(installation, seen.job_id), as_seen).values(**values)
    )
    return done.rowcount == 1


async def _end_run(connection: AsyncConnection, installation: str, run_id: str) -> None:
    ended = {"status": RunStatus.CANCELLED, "updated_at": now(), "ended_at": now()}
    await connection.execute(update(JOB_RUNS).where(is_run(installation, run_id)).values(**ended))


async def _make_room(
    connection: AsyncConnection, installation: str, agent_id: str, moment: datetime, terms: Terms
) -> None:
    """Raises MailboxFullError. Jobs that ended long ago are deleted, and their runs with them."""
    ours = J.installation_id == installation
    old = select(J.job_id).where(
        ours, J.status.in_(ENDED), J.completed_at < moment - timedelta(days=terms.keep_days)
    )
    await connection.execute(delete(JOBS).where(ours, J.job_id.in_(old.limit(PURGED))))
    waiting = select(func.count()).where(ours, J.agent_id == agent_id, J.status == JobStatus.QUEUED)
    if (await connection.scalar(waiting) or 0) >= MAX_QUEUED:
        raise errors.MailboxFullError(f"{MAX_QUEUED} jobs wait for this runner already", 5.0)


def _conditions(query: JobQuery) -> Sequence[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.status is not None:
        found.append(J.status == query.status)
    if query.agent_id is not None:
        found.append(J.agent_id == query.agent_id)
    if query.job_type is not None:
        found.append(J.job_type == query.job_type)
    if query.cursor is not None:
        found.append(tuple_(J.created_at, J.job_id) < _place(query.cursor))
    return found


def _cursor(job: Job) -> str:
    place = json.dumps([iso(job.created_at), job.job_id])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _place(cursor: str) -> ColumnElement[Any]:
    """Where a page begins. Raises InvalidParamsError."""
    try:
        moment, job_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        at = datetime.fromisoformat(moment)
    except (binascii.Error, ValueError, TypeError):
        at = None
    if at is None or at.tzinfo is None or not isinstance(job_id, str):
        raise errors.InvalidParamsError("cursor: expected the nextCursor of a page of jobs")
    return tuple_(literal(at, J.created_at.type), literal(job_id))


def check_json(name: str, value: JsonValue) -> None:
    """Raises InvalidParamsError over 32 KB."""
    if len(encoded(value)) > INLINE_BYTES:
        raise errors.InvalidParamsError(f"{name}: expected at most {INLINE_BYTES} bytes")


def _check_parameters(wanted: NewJob) -> None:
    """A credential would be kept, and shown to all who may read. Raises InvalidParamsError."""
    check_json("parameters", wanted.parameters)
    if redact_json(wanted.parameters) != wanted.parameters:
        raise errors.InvalidParamsError(
            "parameters: hold a credential; give it to the runner in its own environment"
        )


def _busy() -> errors.ConflictError:
    return errors.ConflictError("the job changes faster than it can be read; try again")
