"""``/api/v1/workers/{id}/drain``: let a worker give its sessions to the others and start anew."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import errors
from actors.worker import WorkerClient
from serve.problem import problem
from serve.reporting.origin import guarded

LONGEST_S = 86_400.0


class _Drain(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    deadline_s: float = 600.0


async def drained(request: Request) -> Response:
    """Begin to drain; done when the topology shows the worker under another pid."""
    worker_id = request.path_params["worker_id"]
    try:
        wanted = _read(await request.body())
        await WorkerClient(worker_id).drain(wanted.deadline_s)
    except errors.LumiLinkError as error:
        return problem(error)
    body = msgspec.json.encode({"workerId": worker_id, "state": "draining", "deadlineS": wanted.deadline_s})
    return Response(body, 202, media_type="application/json")


def _read(body: bytes) -> _Drain:
    try:
        wanted = msgspec.json.decode(body or b"{}", type=_Drain)
    except msgspec.DecodeError as error:
        raise errors.InvalidParamsError(f'expected {{"deadlineS": seconds}}: {error}') from None
    if not 0.0 <= wanted.deadline_s <= LONGEST_S:
        raise errors.InvalidParamsError(f"deadlineS: expected 0 to {LONGEST_S:g}, got {wanted.deadline_s:g}")
    return wanted


ROUTES = [Route("/api/v1/workers/{worker_id}/drain", guarded(drained), methods=["POST"])]
