"""``POST /api/v1/sessions/{id}/automation``: run a session's GitHub automation now."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.automation.order import wish_of_body
from actors.capacity.client import CapacityClient
from actors.worker import WorkerClient
from serve.reporting.operation import Answer, Operation, Parameter, route
from serve.reporting.protocol_requests import body_of, conditions_of
from serve.rights import Identity, Right


class WantedIssue(msgspec.Struct):
    """What is empty comes from the gateway's templates."""

    title: str = ""
    body: str = ""


class WantedRun(msgspec.Struct):
    """``issue``: whether one is opened, or with which text; ``title`` and ``body`` are the pull request's."""

    issue: bool | WantedIssue | None = None
    title: str = ""
    body: str = ""


class StartedRun(msgspec.Struct, rename="camel"):
    """The summary of a run that has ended, as ``/api/v1/automations`` lists it, or that it is pending."""

    status: str
    run_id: str | None = None
    summary_id: str | None = None
    skip_reason: str | None = None
    issue: dict[str, Any] | None = None
    pull_request: dict[str, Any] | None = None
    commit: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


async def started(request: Request, identity: Identity) -> Response:
    """Run it, and answer with its summary if that is there within 4 s."""
    session_id, body = request.path_params["id"], await body_of(request)
    wish, conditions = wish_of_body(body), conditions_of(request, body)
    place = await CapacityClient().find(session_id)
    if place is None:
        raise errors.SessionNotFoundError(f"no session {session_id} is loaded")
    name = f"{conditions.key}\0{conditions.digest}" if conditions.key else uuid4().hex
    worker = WorkerClient(place.worker_id)
    told = await worker.automate(session_id, identity.installation, name, wish)
    is_pending = msgspec.json.decode(told, type=StartedRun).status == "pending"
    return Response(told, status_code=202 if is_pending else 200, media_type="application/json")


_RUN: Final = Operation(
    "POST",
    "/api/v1/sessions/{id}/automation",
    "Turn what a session has changed into a branch, a commit and a pull request, and an issue where wanted.",
    "sessions",
    Answer(StartedRun, description="It has ended; 202 with the status pending: it goes on."),
    Right.SESSIONS_USE,
    details=(
        "The session must be loaded: somebody is attached to it, or was a moment ago. A request that is "
        "repeated with the same Idempotency-Key is carried out once."
    ),
    parameters=(Parameter("id", {"type": "string"}, "The session's id.", is_path=True),),
    body=WantedRun,
    faults=(
        errors.InvalidParamsError,
        errors.FrameTooLargeError,
        errors.SessionNotFoundError,
        errors.WorkerUnavailableError,
        errors.AskDeadlineError,
    ),
)
OPERATIONS: Final = (_RUN,)
ROUTES: Final = [route(_RUN, started)]
