"""``/api/v1/workspaces/{id}/protocol``: where a workspace stands, and taking it to the other protocol."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import structs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import errors
from actors.capacity.client import CapacityClient
from actors.capacity.roll import Owner
from actors.migration.cause import Cause, Initiator, Trigger
from actors.migration.command import Action, Elsewhere, ProtocolCommand, WorkspaceProtocol
from actors.protocol.agent_protocol import AgentProtocol
from actors.protocol.redaction import redact
from actors.worker import WorkerClient
from serve.reporting.operation import Answer, Answering, Operation, Parameter, route
from serve.reporting.protocol_requests import DETAILS, DRY_RUN, answer, body_of, conditions_of, read
from serve.rights import Identity, Right

PATH: Final = "/api/v1/workspaces/{id}/protocol"
_MOVED: Final = 3
"""How often a workspace is asked for that goes from one worker to another."""

Reason = Annotated[str, msgspec.Meta(max_length=500, description="Why, for those who read it later.")]
Later = Annotated[datetime, msgspec.Meta(tz=True)]


class RollBack(msgspec.Struct, forbid_unknown_fields=True):
    """Take a workspace back to HTTP, until somebody returns it."""

    reason: Reason = ""


class Return(msgspec.Struct, forbid_unknown_fields=True):
    """Bring a workspace to ACP: now, or at a moment."""

    reason: Reason = ""
    at: Later | None = None


class WantedProtocol(msgspec.Struct, forbid_unknown_fields=True):
    """Have a workspace on this protocol."""

    protocol: AgentProtocol
    reason: Reason = ""


async def shown(request: Request, identity: Identity) -> Response:
    """Where a workspace stands."""
    return await _answered(request, identity, ProtocolCommand(Action.SHOW))


async def rolled_back(request: Request, identity: Identity) -> Response:
    """Take it to HTTP."""
    body = await body_of(request)
    reason = read(body, RollBack).reason
    return await _changed(request, identity, body, Action.ROLL_BACK, reason)


async def returned(request: Request, identity: Identity) -> Response:
    """Bring it to ACP."""
    body = await body_of(request)
    wanted = read(body, Return)
    return await _changed(request, identity, body, Action.RETURN, wanted.reason, wanted.at)


async def put(request: Request, identity: Identity) -> Response:
    """Have it on a protocol."""
    body = await body_of(request)
    wanted = read(body, WantedProtocol)
    action = Action.RETURN if wanted.protocol is AgentProtocol.ACP else Action.ROLL_BACK
    return await _changed(request, identity, body, action, wanted.reason)


async def _changed(
    request: Request,
    identity: Identity,
    body: bytes,
    action: Action,
    reason: str,
    at: datetime | None = None,
) -> Response:
    conditions = conditions_of(request, body)
    by = Initiator.OPERATOR if identity.may(Right.PROTOCOL_CHANGE) else Initiator.USER
    trigger = Trigger.MANUAL if at is None else Trigger.SCHEDULED
    command = ProtocolCommand(
        action,
        Cause(by, trigger, f"manual-{by}", redact(reason), identity.user),
        0.0 if at is None else at.timestamp(),
        conditions.version,
        conditions.key,
        conditions.digest,
        conditions.dry_run,
    )
    return await _answered(request, identity, command)


async def _answered(request: Request, identity: Identity, command: ProtocolCommand) -> Response:
    found = await _asked(identity.installation, request.path_params["id"], command)
    return answer(found, found.version)


async def _asked(installation: str, workspace_id: str, command: ProtocolCommand) -> WorkspaceProtocol:
    """Ask the worker that has the workspace, or would get it.

    Raises what ``ProtocolDesk.command`` raises, and WorkerUnavailableError.
    """
    capacity = CapacityClient()
    place = await capacity.home_of(Owner(installation, workspace_id))
    for _ in range(_MOVED):
        found = await WorkerClient(place.worker_id).protocol(installation, workspace_id, command)
        if not isinstance(found, Elsewhere):
            return found
        there = await capacity.whereis(found.life)
        if there is None:
            command = structs.replace(command, dead=found.life)
        place = there or place
    raise errors.WorkerUnavailableError("the workspace is being taken over by another worker", 5.0)


_ID: Final = Parameter("id", {"type": "string"}, "The workspace.", is_path=True)
_DRY_RUN: Final = Parameter(DRY_RUN, {"type": "boolean"}, "Only say what would come of it, as wouldBe.")
_AWAY: Final = (
    errors.WorkspaceNotFoundError,
    errors.WorkerUnavailableError,
    errors.JournalUnavailableError,
    errors.AskDeadlineError,
)
_FAULTS: Final = (
    errors.InvalidParamsError,
    errors.FrameTooLargeError,
    errors.PreconditionError,
    errors.ConflictError,
    *_AWAY,
)
_SHOW: Final = Operation(
    "GET",
    PATH,
    "Where a workspace stands between ACP and HTTP, and how the last hour went.",
    "protocol",
    Answer(WorkspaceProtocol),
    Right.RECORDS_READ,
    parameters=(_ID,),
    faults=_AWAY,
)
_PUT: Final = Operation(
    "PUT",
    PATH,
    "Have a workspace on ACP or on HTTP.",
    "protocol",
    Answer(WorkspaceProtocol),
    Right.PROTOCOL_CHANGE,
    details=f"Its sessions go over between two turns. {DETAILS}",
    parameters=(_ID, _DRY_RUN),
    body=WantedProtocol,
    faults=_FAULTS,
)
_ROLL_BACK: Final = Operation(
    "POST",
    f"{PATH}/rollback",
    "Take a workspace back to HTTP, until somebody returns it.",
    "protocol",
    Answer(WorkspaceProtocol),
    Right.SESSIONS_USE,
    details=f"Users may do it, too, for what they work on. Running turns end first. {DETAILS}",
    parameters=(_ID, _DRY_RUN),
    body=RollBack,
    faults=_FAULTS,
)
_RETURN: Final = Operation(
    "POST",
    f"{PATH}/return",
    "Bring a workspace to ACP, now or at a moment.",
    "protocol",
    Answer(WorkspaceProtocol),
    Right.PROTOCOL_CHANGE,
    details=f"Running turns end first. {DETAILS}",
    parameters=(_ID, _DRY_RUN),
    body=Return,
    faults=_FAULTS,
)
OPERATIONS: Final = (_SHOW, _PUT, _ROLL_BACK, _RETURN)


def _routed(operation: Operation, answering: Answering) -> Route:
    """The name of a workspace is whatever a client called it, slashes included."""
    return route(replace(operation, path=operation.path.replace("{id}", "{id:path}")), answering)


ROUTES: Final = [
    _routed(_SHOW, shown),
    _routed(_PUT, put),
    _routed(_ROLL_BACK, rolled_back),
    _routed(_RETURN, returned),
]
