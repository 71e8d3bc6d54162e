"""``/api/v1/pool``: how many workers there are to be."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
import ray
from ray.exceptions import RayActorError, RayTaskError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import errors
from actors.capacity.shell import NAMESPACE
from serve.problem import problem
from serve.reporting.origin import guarded

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


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    workers: int


class PoolClient:
    """The pool's methods for other processes.

    Each raises what the pool raised, or WorkerUnavailableError if it does not answer within 10 s.
    """

    async def view(self) -> PoolView:
        """The pool as it is now."""
        return await self._call("view")

    async def scale(self, workers: int) -> PoolView:
        """Have ``workers`` workers from now on, and as many more as load brings about."""
        return await self._call("scale", workers)

    async def _call(self, method: str, *arguments: object) -> PoolView:
        try:
            actor: Any = ray.get_actor(POOL_NAME, namespace=NAMESPACE)
            async with asyncio.timeout(CALL_DEADLINE_S):
                view: PoolView = await getattr(actor, method).remote(*arguments)
        except RayTaskError as error:
            if isinstance(error.cause, errors.LumiLinkError):
                raise error.cause from None
            raise
        except (RayActorError, TimeoutError, ValueError):
            raise errors.WorkerUnavailableError("the worker pool does not answer", 2.0) from None
        return view


async def shown(_: Request) -> Response:
    """The pool as it is now."""
    try:
        return _answer(await PoolClient().view())
    except errors.LumiLinkError as error:
        return problem(error)


async def scaled(request: Request) -> Response:
    """Take another number of workers; those that are too many drain first, so it is done a little later."""
    try:
        return _answer(await PoolClient().scale(_read(await request.body())), 202)
    except errors.LumiLinkError as error:
        return problem(error)


def _read(body: bytes) -> int:
    try:
        workers = msgspec.json.decode(body, type=_Wanted).workers
    except msgspec.DecodeError as error:
        raise errors.InvalidParamsError(f'expected {{"workers": number}}: {error}') from None
    if not 1 <= workers <= MAX_WORKERS:
        raise errors.InvalidParamsError(f"workers: expected 1 to {MAX_WORKERS}, got {workers}")
    return workers


def _answer(view: PoolView, status: int = 200) -> Response:
    return Response(msgspec.json.encode(view), status, media_type="application/json")


ROUTES = [
    Route("/api/v1/pool", shown, methods=["GET"]),
    Route("/api/v1/pool", guarded(scaled), methods=["PUT"]),
]
