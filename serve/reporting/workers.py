"""``/api/v1/workers/{id}/drain``: let a worker give its sessions to the others and start anew."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.worker import WorkerClient
from serve.reporting.operation import Answer, Operation, Parameter, route
from serve.reporting.pool import PoolClient
from serve.rights import Identity, Right

LONGEST_S: Final = 86_400.0


class Drain(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Turns may take ``deadline_s`` seconds to end; after them they are interrupted."""

    deadline_s: Annotated[float, msgspec.Meta(ge=0.0, le=LONGEST_S)] = 600.0


class Draining(msgspec.Struct, rename="camel"):
    """A worker that drains; ``state`` is ``draining``."""

    worker_id: str
    state: str
    deadline_s: float


async def drained(request: Request, _identity: Identity) -> Response:
    """Begin to drain; done when the topology shows the worker under another pid."""
    worker_id = request.path_params["id"]
    wanted = _read(await request.body())
    await _drain(worker_id, wanted.deadline_s)
    body = msgspec.json.encode(Draining(worker_id, "draining", wanted.deadline_s))
    return Response(body, 202, media_type="application/json")


async def _drain(worker_id: str, deadline_s: float) -> None:
    """Raises WorkerNotFoundError, and WorkerUnavailableError for one that is being restarted."""
    try:
        await WorkerClient(worker_id).drain(deadline_s)
    except errors.WorkerUnavailableError:
        pool = await PoolClient().view()
        if all(member.worker_id != worker_id for member in pool.members):
            raise errors.WorkerNotFoundError(f"there is no worker {worker_id}") from None
        raise


def _read(body: bytes) -> Drain:
    try:
        return msgspec.json.decode(body or b"{}", type=Drain)
    except msgspec.DecodeError as error:
        raise errors.InvalidParamsError(f'expected {{"deadlineS": 0 to {LONGEST_S:g}}}: {error}') from None


_DRAIN: Final = Operation(
    "POST",
    "/api/v1/workers/{id}/drain",
    "Have a worker give its sessions to the others, and start anew.",
    "operations",
    Answer(Draining, 202, description="It drains; it is done when the topology shows it with another pid."),
    Right.WORKERS_CHANGE,
    parameters=(Parameter("id", {"type": "string"}, "The worker's id.", is_path=True),),
    body=Drain,
    faults=(errors.InvalidParamsError, errors.WorkerNotFoundError, errors.WorkerUnavailableError),
)
OPERATIONS: Final = (_DRAIN,)
ROUTES: Final = [route(_DRAIN, drained)]
