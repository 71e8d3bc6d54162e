"""``/api/v1/pool``: how many workers there are to be."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.named_actor import NamedActor
from serve.reporting.operation import Answer, Operation, route
from serve.rights import Identity, Right

POOL_NAME: Final = "lumilink-pool"
MAX_WORKERS: Final = 64
CALL_DEADLINE_S: Final = 10.0


class MemberView(msgspec.Struct, frozen=True, rename="camel"):
    """A worker of the pool as an operator sees it; ``state`` is a ``MemberState``."""

    worker_id: str
    state: str
    sessions: int


class PoolView(msgspec.Struct, frozen=True, rename="camel"):
    """The pool as an operator sees it.

    ``workers`` are always there, ``max_workers`` the most that load may bring about, ``desired`` is what the
    load asks for now.
    """

    workers: int
    max_workers: int
    desired: int
    members: list[MemberView]


class WantedPool(msgspec.Struct, forbid_unknown_fields=True):
    """How many workers there are to be from now on."""

    workers: Annotated[int, msgspec.Meta(ge=1, le=MAX_WORKERS)]


class PoolClient:
    """The pool's methods for other processes.

    Each raises what the pool raised, or WorkerUnavailableError if it does not answer within 10 s.
    """

    def __init__(self) -> None:
        self._actor = NamedActor(POOL_NAME, "the worker pool", CALL_DEADLINE_S, 2.0)

    async def view(self) -> PoolView:
        """The pool as it is now."""
        view: PoolView = await self._actor.call("view")
        return view

    async def scale(self, workers: int) -> PoolView:
        """Have ``workers`` workers from now on, and as many more as load brings about."""
        view: PoolView = await self._actor.call("scale", workers)
        return view


async def shown(_request: Request, _identity: Identity) -> Response:
    """The pool as it is now."""
    return _answer(await PoolClient().view())


async def scaled(request: Request, _identity: Identity) -> Response:
    """Take another number of workers."""
    return _answer(await PoolClient().scale(_read(await request.body())), 202)


def _read(body: bytes) -> int:
    try:
        return msgspec.json.decode(body, type=WantedPool).workers
    except msgspec.DecodeError as error:
        raise errors.InvalidParamsError(f'expected {{"workers": 1 to {MAX_WORKERS}}}: {error}') from None


def _answer(view: PoolView, status: int = 200) -> Response:
    return Response(msgspec.json.encode(view), status, media_type="application/json")


_SHOW: Final = Operation(
    "GET",
    "/api/v1/pool",
    "How many workers there are, and are to be.",
    "operations",
    Answer(PoolView),
    Right.TOPOLOGY_READ,
    faults=(errors.WorkerUnavailableError,),
)
_SCALE: Final = Operation(
    "PUT",
    "/api/v1/pool",
    "Take another number of workers.",
    "operations",
    Answer(PoolView, 202, description="The pool as it is now."),
    Right.WORKERS_CHANGE,
    details="Those that are too many give their sessions away first, so it is done a little later.",
    body=WantedPool,
    faults=(errors.InvalidParamsError, errors.WorkerUnavailableError),
)
OPERATIONS: Final = (_SHOW, _SCALE)
ROUTES: Final = [route(_SHOW, shown), route(_SCALE, scaled)]
