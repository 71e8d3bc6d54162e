"""``/jobs``: what is to be done, made and changed by those who want it done."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.jobs.models import Job, JobPage, NewJob
from actors.jobs.states import JobStatus
from actors.jobs.store import JobQuery
from actors.records.models.values import is_storable
from serve.reporting.at_root import SAME_AT_ROOT
from serve.reporting.bodies import answer_json, read_body
from serve.reporting.jobs import happenings
from serve.reporting.jobs.desk import arrivals, desk
from serve.reporting.operation import Answer, Operation, Parameter
from serve.reporting.records.asked import Asked
from serve.reporting.records.parameters import CURSOR, LIMIT
from serve.reporting.settings_registry.desk import job_terms
from serve.reporting.telling import outbox
from serve.rights import Identity, Right

MAX_BODY: Final = 40 * 1024
PATH: Final = "/api/v1/jobs"


async def created(request: Request, identity: Identity) -> Response:
    """Queue a job for a runner."""
    wanted = await read_body(request, NewJob, MAX_BODY)
    async with desk() as at:
        await at.runners.active(identity.installation, wanted.agent_id)
        terms = await job_terms(at.database, identity.installation)
        job = await at.jobs.create(identity.installation, wanted, identity.user, terms)
    arrivals().came(identity.installation, job.agent_id)
    return answer_json(job, 201)


async def listed(request: Request, identity: Identity) -> Response:
    """A page of jobs, the newest first."""
    asked = Asked(request, [one.name for one in _FILTERS])
    query = JobQuery(
        status=asked.choice("status", JobStatus),
        agent_id=asked.text("agentId"),
        job_type=asked.text("jobType"),
        limit=asked.number("limit", 50, 200),
        cursor=asked.text("cursor"),
    )
    async with desk() as at:
        await at.put_back(identity.installation)
        return answer_json(await at.jobs.page(identity.installation, query))


async def shown(request: Request, identity: Identity) -> Response:
    """One job."""
    job_id = job_of(request)
    async with desk() as at:
        await at.put_back(identity.installation)
        return answer_json(await at.jobs.get(identity.installation, job_id))


async def cancelled(request: Request, identity: Identity) -> Response:
    """Have a job not done."""
    async with desk() as at:
        job, is_new = await at.jobs.cancel(identity.installation, job_of(request))
    if is_new:
        outbox().put([happenings.ended(identity.installation, job)])
    return answer_json(job)


async def retried(request: Request, identity: Identity) -> Response:
    """Have a job done after all."""
    async with desk() as at:
        job = await at.jobs.retry(identity.installation, job_of(request))
    arrivals().came(identity.installation, job.agent_id)
    return answer_json(job)


def job_of(request: Request) -> str:
    """The job that the path names. Raises RecordNotFoundError for what no job can be called."""
    job_id: str = request.path_params["jobId"]
    if not is_storable(job_id):
        raise errors.RecordNotFoundError("there is no job of this jobId")
    return job_id


JOB: Final = Parameter("jobId", {"type": "string"}, "The job's id.", is_path=True)
_FILTERS: Final = (
    Parameter("status", {"type": "string", "enum": list(JobStatus)}, "Only those that stand so."),
    Parameter("agentId", {"type": "string"}, "Only those for this runner."),
    Parameter("jobType", {"type": "string"}, "Only those of this type."),
    LIMIT,
    CURSOR,
)
_AWAY: Final = errors.RecordsUnavailableError
CREATE: Final = Operation(
    "POST",
    PATH,
    "Queue a job for a runner.",
    "jobs",
    Answer(Job, 201),
    Right.JOBS_CHANGE,
    details=SAME_AT_ROOT,
    body=NewJob,
    faults=(
        errors.InvalidParamsError,
        errors.FrameTooLargeError,
        errors.RecordNotFoundError,
        errors.ConflictError,
        errors.MailboxFullError,
        _AWAY,
    ),
)
LIST: Final = Operation(
    "GET",
    PATH,
    "Jobs and how far they are, the newest first.",
    "jobs",
    Answer(JobPage),
    Right.RECORDS_READ,
    details=SAME_AT_ROOT,
    parameters=_FILTERS,
    faults=(errors.InvalidParamsError, _AWAY),
)
SHOW: Final = Operation(
    "GET",
    f"{PATH}/{{jobId}}",
    "A job, and how far it is.",
    "jobs",
    Answer(Job),
    Right.RECORDS_READ,
    details=SAME_AT_ROOT,
    parameters=(JOB,),
    faults=(errors.RecordNotFoundError, _AWAY),
)
CANCEL: Final = Operation(
    "POST",
    f"{PATH}/{{jobId}}/cancel",
    "Have a job not done; a runner that does it is told so with its next report.",
    "jobs",
    Answer(Job),
    Right.JOBS_CHANGE,
    details=SAME_AT_ROOT,
    parameters=(JOB,),
    faults=(errors.RecordNotFoundError, errors.ConflictError, _AWAY),
)
RETRY: Final = Operation(
    "POST",
    f"{PATH}/{{jobId}}/retry",
    "Queue a job again that failed or was cancelled.",
    "jobs",
    Answer(Job),
    Right.JOBS_CHANGE,
    details=SAME_AT_ROOT,
    parameters=(JOB,),
    faults=(errors.RecordNotFoundError, errors.ConflictError, _AWAY),
)
