"""``/api/v1/installations/{id}/protocol``: what an installation wants of its workspaces' protocol."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.rollout.client import RolloutClient
from actors.rollout.contract import PolicyChange, PolicyView
from serve.reporting.operation import Answer, Operation, Parameter, route
from serve.reporting.protocol_requests import DETAILS, DRY_RUN, answer, body_of, conditions_of, read
from serve.rights import Identity, Right

PATH: Final = "/api/v1/installations/{id}/protocol"


async def shown(request: Request, identity: Identity) -> Response:
    """The policy of the caller's installation."""
    view = await RolloutClient().read(_own(request, identity))
    return answer(view, view.version)


async def changed(request: Request, identity: Identity) -> Response:
    """Take another policy."""
    installation = _own(request, identity)
    body = await body_of(request)
    policy, conditions = read(body, PolicyView).policy, conditions_of(request, body)
    change = PolicyChange(
        policy,
        identity.user,
        conditions.version,
        conditions.key,
        conditions.digest,
        conditions.dry_run,
    )
    view = await RolloutClient().change(installation, change)
    return answer(view, view.version)


def _own(request: Request, identity: Identity) -> str:
    """The installation that the path names. Raises ForbiddenError for any but the caller's."""
    named: str = request.path_params["id"]
    if named != identity.installation:
        raise errors.ForbiddenError("the credential is not of this installation")
    return named


_ID: Final = Parameter("id", {"type": "string"}, "The installation: the caller's own.", is_path=True)
_DRY_RUN: Final = Parameter(DRY_RUN, {"type": "boolean"}, "Only say which workspaces it would move.")
_AWAY: Final = (errors.WorkerUnavailableError, errors.JournalUnavailableError)
_SHOW: Final = Operation(
    "GET",
    PATH,
    "The protocol policy of the installation, and where its workspaces stand.",
    "protocol",
    Answer(PolicyView),
    Right.RECORDS_READ,
    parameters=(_ID,),
    faults=_AWAY,
)
_CHANGE: Final = Operation(
    "PUT",
    PATH,
    "Take another policy, all of it: what is left out gets its default.",
    "protocol",
    Answer(PolicyView, description="The policy, and the workspaces that it moves."),
    Right.PROTOCOL_CHANGE,
    details=f"What is only told, such as workspaces and standing, is passed over. {DETAILS}",
    parameters=(_ID, _DRY_RUN),
    body=PolicyView,
    faults=(
        errors.InvalidParamsError,
        errors.FrameTooLargeError,
        errors.PreconditionError,
        errors.ConflictError,
        *_AWAY,
    ),
)
OPERATIONS: Final = (_SHOW, _CHANGE)
ROUTES: Final = [route(_SHOW, shown), route(_CHANGE, changed)]
