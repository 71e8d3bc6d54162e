"""``/api/v1/agents``: the runners of the installation."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.jobs.models import Name, Runner
from actors.records.models.values import is_storable
from serve.reporting.bodies import answer_json, read_body
from serve.reporting.jobs.desk import desk
from serve.reporting.operation import Answer, Operation, Parameter, route
from serve.rights import Identity, Right

MAX_BODY: Final = 4096
PATH: Final = "/api/v1/agents"


class RunnerList(msgspec.Struct, frozen=True, rename="camel"):
    """All runners of an installation, by name."""

    items: list[Runner]
    next_cursor: None = None


class NewRunner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A runner that makes itself known. Its name is its own within the installation."""

    name: Name


async def registered(request: Request, identity: Identity) -> Response:
    """Make a runner known; one that is known already gets the same id again."""
    wanted = await read_body(request, NewRunner, MAX_BODY)
    async with desk() as at:
        runner, is_new = await at.runners.register(identity.installation, wanted.name, identity.user)
    return answer_json(runner, 201 if is_new else 200)


async def listed(_: Request, identity: Identity) -> Response:
    """All runners."""
    async with desk() as at:
        return answer_json(RunnerList(await at.runners.listed(identity.installation)))


async def switched_off(request: Request, identity: Identity) -> Response:
    """Give a runner nothing more to do, and take nothing from it."""
    return await _switched(request, identity, on=False)


async def switched_on(request: Request, identity: Identity) -> Response:
    """Let a runner work again."""
    return await _switched(request, identity, on=True)


async def _switched(request: Request, identity: Identity, *, on: bool) -> Response:
    agent_id = request.path_params["agentId"]
    if not is_storable(agent_id):
        raise errors.RecordNotFoundError("there is no runner of this agentId")
    async with desk() as at:
        return answer_json(await at.runners.switch(identity.installation, agent_id, on=on))


_ID: Final = Parameter("agentId", {"type": "string"}, "The runner's id.", is_path=True)
_AWAY: Final = errors.RecordsUnavailableError
_REGISTER: Final = Operation(
    "POST",
    PATH,
    "Make a runner known, or find it again by its name.",
    "jobs",
    Answer(Runner, 201, description="The runner; 200 if it was known already."),
    Right.JOBS_RUN,
    body=NewRunner,
    faults=(errors.InvalidParamsError, errors.FrameTooLargeError, errors.ConflictError, _AWAY),
)
_LIST: Final = Operation(
    "GET",
    PATH,
    "The runners of the installation, by name.",
    "jobs",
    Answer(RunnerList),
    Right.RECORDS_READ,
    faults=(_AWAY,),
)
_OFF: Final = Operation(
    "POST",
    f"{PATH}/{{agentId}}/deactivate",
    "Switch a runner off: it gets nothing more to do, and what it reports is refused.",
    "jobs",
    Answer(Runner),
    Right.JOBS_CHANGE,
    parameters=(_ID,),
    faults=(errors.RecordNotFoundError, _AWAY),
)
_ON: Final = Operation(
    "POST",
    f"{PATH}/{{agentId}}/activate",
    "Switch a runner on again.",
    "jobs",
    Answer(Runner),
    Right.JOBS_CHANGE,
    parameters=(_ID,),
    faults=(errors.RecordNotFoundError, _AWAY),
)
OPERATIONS: Final = (_REGISTER, _LIST, _OFF, _ON)
ROUTES: Final = [
    route(_REGISTER, registered),
    route(_LIST, listed),
    route(_OFF, switched_off),
    route(_ON, switched_on),
]
