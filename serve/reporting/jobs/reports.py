"""``/jobs/poll``, ``/jobs/progress`` and ``/jobs/complete``: what runners ask and say."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.jobs.models import Assignment, Name, Outcome, Percent, Progress
from actors.jobs.states import JobStatus
from serve.reporting.at_root import SAME_AT_ROOT
from serve.reporting.bodies import answer_json, read_body
from serve.reporting.jobs import happenings
from serve.reporting.jobs.desk import Desk, arrivals, desk, pace
from serve.reporting.jobs.queue import PATH
from serve.reporting.operation import Answer, Operation, Parameter
from serve.reporting.records.asked import Asked
from serve.reporting.telling import outbox
from serve.rights import Identity, Right

MAX_BODY: Final = 64 * 1024
MAX_WAIT_S: Final = 30
MAX_JOBS: Final = 10
LOOK_S: Final = 2.0
"""How often a poll that waits looks for what came by another replica, or was lost."""

Message = Annotated[str, msgspec.Meta(max_length=4000)]


class Assignments(msgspec.Struct, frozen=True):
    """What a runner is given to do; empty if there is nothing."""

    jobs: list[Assignment]


class JobProgress(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How far a run has come. Without ``percent`` and ``message`` it is only a sign of life.

    ``timestamp`` is the runner's own and is not kept: clocks of hosts differ.
    """

    job_id: Name
    job_run_id: Name
    percent: Percent | None = None
    message: Message | None = None
    status: Literal["RUNNING"] = "RUNNING"
    timestamp: str | None = None
    agent_id: Name | None = None


class JobComplete(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How a run ended. ``error`` is a sentence, ``error_details`` what is behind it."""

    job_id: Name
    job_run_id: Name
    status: Literal["COMPLETED", "FAILED", "CANCELLED"]
    result: dict[str, Any] | None = None
    error: Message | None = None
    error_details: str | None = None
    agent_id: Name | None = None


async def polled(request: Request, identity: Identity) -> Response:
    """Take what waits for a runner; with ``waitS`` wait until there is something."""
    asked = Asked(request, [one.name for one in POLL.parameters])
    agent_id = asked.text("agentId")
    if not agent_id:
        raise errors.InvalidParamsError("agentId: expected the id that registering answered")
    wait_s = asked.number("waitS", 0, MAX_WAIT_S) if asked.text("waitS") not in (None, "0") else 0
    limit = asked.number("limit", 1, MAX_JOBS)
    async with desk() as at:
        await at.runners.spoken_for(identity.installation, agent_id, identity.user)
        await at.runners.seen(identity.installation, agent_id)
    return answer_json(Assignments(await _taken(request, identity, agent_id, limit, wait_s)))


async def _taken(
    request: Request, identity: Identity, agent_id: str, limit: int, wait_s: float
) -> list[Assignment]:
    loop = asyncio.get_running_loop()
    until = loop.time() + (0 if arrivals().is_full else wait_s)
    with arrivals().awaited(identity.installation, agent_id) as arrived:
        while True:
            arrived.clear()
            async with desk() as at:
                await at.put_back(identity.installation)
                found = await at.claims.claim(identity.installation, agent_id, limit)
            left_s = until - loop.time()
            if found or left_s <= 0:
                return found
            await _pause(arrived, min(left_s, LOOK_S))
            # What is given to a runner that has gone would be lost for as long as its lease.
            if await request.is_disconnected():
                return []
            # It may have been switched off meanwhile.
            async with desk() as at:
                await at.runners.active(identity.installation, agent_id)


async def _pause(arrived: asyncio.Event, most_s: float) -> None:
    try:
        async with asyncio.timeout(most_s):
            await arrived.wait()
    except TimeoutError:
        return


async def progressed(request: Request, identity: Identity) -> Response:
    """Note how far a run has come."""
    said = await read_body(request, JobProgress, MAX_BODY)
    async with desk() as at:
        await _check_runner(at, identity, said)
        progress = Progress(said.percent, said.message)
        job = await at.claims.progress(identity.installation, said.job_id, said.job_run_id, progress)
    is_news = said.percent is not None or said.message is not None
    if is_news and pace().lets_pass(said.job_run_id):
        outbox().put([happenings.progressed(identity.installation, job)])
    return Response(status_code=204)


async def completed(request: Request, identity: Identity) -> Response:
    """Note how a run ended."""
    said = await read_body(request, JobComplete, MAX_BODY)
    outcome = Outcome(JobStatus(said.status), said.result, said.error, said.error_details)
    async with desk() as at:
        await _check_runner(at, identity, said)
        job, is_new = await at.claims.complete(identity.installation, said.job_id, said.job_run_id, outcome)
    if is_new:
        outbox().put([happenings.ended(identity.installation, job)])
    return Response(status_code=204)


async def _check_runner(at: Desk, identity: Identity, said: JobProgress | JobComplete) -> None:
    """Raises RecordNotFoundError, ConflictError and ForbiddenError."""
    agent_id = await at.claims.runner_of(identity.installation, said.job_id)
    if said.agent_id is not None and said.agent_id != agent_id:
        raise errors.ConflictError("the job is not for this runner")
    await at.runners.spoken_for(identity.installation, agent_id, identity.user)


_FAULTS: Final = (
    errors.InvalidParamsError,
    errors.RecordNotFoundError,
    errors.ConflictError,
    errors.RecordsUnavailableError,
)
POLL: Final = Operation(
    "GET",
    f"{PATH}/poll",
    "Take what waits for a runner.",
    "jobs",
    Answer(Assignments),
    Right.JOBS_RUN,
    details=f"What is taken is RUNNING, under a lease that reports keep. {SAME_AT_ROOT}",
    parameters=(
        Parameter("agentId", {"type": "string"}, "The runner's id; required."),
        Parameter(
            "waitS",
            {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_S, "default": 0},
            "How long to wait for something, in seconds.",
        ),
        Parameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MAX_JOBS, "default": 1},
            "The most jobs to take.",
        ),
    ),
    faults=_FAULTS,
)
PROGRESS: Final = Operation(
    "POST",
    f"{PATH}/progress",
    "Tell how far a run has come, and keep its lease.",
    "jobs",
    Answer(None, 204, description="It is noted; the lease begins anew."),
    Right.JOBS_RUN,
    details=f"A run that is not the job's any more, or that was cancelled, is answered 409. {SAME_AT_ROOT}",
    body=JobProgress,
    faults=(*_FAULTS, errors.FrameTooLargeError),
)
COMPLETE: Final = Operation(
    "POST",
    f"{PATH}/complete",
    "Tell how a run ended.",
    "jobs",
    Answer(None, 204, description="It is noted; telling the same again changes nothing."),
    Right.JOBS_RUN,
    details=f"A run that has ended otherwise is answered 409. {SAME_AT_ROOT}",
    body=JobComplete,
    faults=(*_FAULTS, errors.FrameTooLargeError),
)
