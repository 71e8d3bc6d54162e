"""``/api/v1/sessions/{id}/questions``: what agents ask while nobody is there, and the answers to it."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.capacity.client import CapacityClient
from actors.worker import WorkerClient
from serve.reporting.operation import Answer, Operation, Parameter, route
from serve.rights import Identity, Right

MAX_BODY: Final = 1024 * 1024


class OpenQuestion(msgspec.Struct, frozen=True, rename="camel"):
    """A request of an agent that awaits its answer. ``question_id`` is ``SESSION/NUMBER``."""

    question_id: str
    method: str
    params: Any


class OpenQuestions(msgspec.Struct, frozen=True):
    """All that a session's agent awaits an answer to."""

    questions: list[OpenQuestion]


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """``result`` is what the agent's request is answered with."""

    result: Any


class _Decision(msgspec.Struct, forbid_unknown_fields=True):
    result: msgspec.Raw


async def _worker_of(session_id: str) -> WorkerClient:
    place = await CapacityClient().find(session_id)
    if place is None:
        # Nobody holds it, so no agent runs that could have asked.
        raise errors.SessionNotFoundError(f"no session {session_id}")
    return WorkerClient(place.worker_id)


async def listed(request: Request, identity: Identity) -> Response:
    """The open permissions and elicitations of a session."""
    session_id = request.path_params["id"]
    worker = await _worker_of(session_id)
    found = await worker.questions(session_id, identity.installation)
    rows = [OpenQuestion(one.question_id, one.method, msgspec.Raw(one.params)) for one in found]
    return Response(msgspec.json.encode(OpenQuestions(rows)), media_type="application/json")


async def decided(request: Request, identity: Identity) -> Response:
    """Answer one: ``{"result": ...}``, what the agent's request is answered with."""
    session_id = request.path_params["id"]
    question_id = f"{session_id}/{request.path_params['question']}"
    result = await _result(request)
    worker = await _worker_of(session_id)
    await worker.decide(session_id, identity.installation, question_id, result)
    return Response(status_code=204)


async def _result(request: Request) -> bytes:
    body = await request.body()
    if len(body) > MAX_BODY:
        raise errors.FrameTooLargeError(f"expected at most {MAX_BODY} bytes")
    try:
        return bytes(msgspec.json.decode(body, type=_Decision).result)
    except msgspec.DecodeError as error:
        raise errors.InvalidParamsError(f'expected {{"result": ...}}: {error}') from None


_SESSION: Final = Parameter("id", {"type": "string"}, "The session's id.", is_path=True)
_LIST: Final = Operation(
    "GET",
    "/api/v1/sessions/{id}/questions",
    "What a session's agent awaits an answer to.",
    "sessions",
    Answer(OpenQuestions),
    Right.SESSIONS_READ,
    parameters=(_SESSION,),
    faults=(errors.SessionNotFoundError, errors.WorkerUnavailableError),
)
_DECIDE: Final = Operation(
    "POST",
    "/api/v1/sessions/{id}/questions/{question}",
    "Answer what a session's agent asked.",
    "sessions",
    Answer(None, 204, description="It is answered."),
    Right.SESSIONS_USE,
    parameters=(
        _SESSION,
        Parameter("question", {"type": "string"}, "The number at the end of its questionId.", is_path=True),
    ),
    body=Decision,
    faults=(
        errors.InvalidParamsError,
        errors.FrameTooLargeError,
        errors.SessionNotFoundError,
        errors.QuestionUnknownError,
        errors.WorkerUnavailableError,
    ),
)
OPERATIONS: Final = (_LIST, _DECIDE)
ROUTES: Final = [route(_LIST, listed), route(_DECIDE, decided)]
