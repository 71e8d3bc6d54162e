"""``/api/v1/sessions/{id}/questions``: what agents ask while nobody is there, and the answers to it."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import errors
from actors.capacity.shell import CapacityClient
from actors.worker import WorkerClient
from serve.ingress.app import INSTALLATION
from serve.problem import problem
from serve.reporting.origin import guarded

MAX_BODY = 1024 * 1024


class _Decision(msgspec.Struct, forbid_unknown_fields=True):
    result: msgspec.Raw


async def _worker_of(session_id: str) -> WorkerClient:
    place = await CapacityClient().find(session_id)
    if place is None:
        # Nobody holds it, so no agent runs that could have asked.
        raise errors.SessionNotFoundError(f"session {session_id} is not loaded, or there is none")
    return WorkerClient(place.worker_id)


async def listed(request: Request) -> Response:
    """The open permissions and elicitations of a session."""
    session_id = request.path_params["session_id"]
    try:
        worker = await _worker_of(session_id)
        found = await worker.questions(session_id, INSTALLATION)
    except errors.LumiLinkError as error:
        return problem(error)
    rows = [
        {"questionId": one.question_id, "method": one.method, "params": msgspec.Raw(one.params)}
        for one in found
    ]
    return Response(msgspec.json.encode({"questions": rows}), media_type="application/json")


async def decided(request: Request) -> Response:
    """Answer one: ``{"result": ...}``, what the agent's request is answered with."""
    session_id = request.path_params["session_id"]
    question_id = f"{session_id}/{request.path_params['question']}"
    try:
        result = await _result(request)
        worker = await _worker_of(session_id)
        await worker.decide(session_id, INSTALLATION, question_id, result)
    except errors.LumiLinkError as error:
        return problem(error)
    return Response(status_code=204)


async def _result(request: Request) -> bytes:
    body = await request.body()
    if len(body) > MAX_BODY:
        raise errors.FrameTooLargeError(f"expected at most {MAX_BODY} bytes")
    try:
        return bytes(msgspec.json.decode(body, type=_Decision).result)
    except msgspec.DecodeError as error:
        raise errors.InvalidParamsError(f'expected {{"result": ...}}: {error}') from None


ROUTES = [
    Route("/api/v1/sessions/{session_id}/questions", guarded(listed)),
    Route("/api/v1/sessions/{session_id}/questions/{question}", guarded(decided), methods=["POST"]),
]
