"""``/healthz``, ``/readyz`` and ``/api/v1/topology``: whether the gateway is there, and its processes."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import errors
from actors.capacity.client import CapacityClient
from serve.problem import problem
from serve.reporting.operation import Answer, Operation, route
from serve.rights import Identity, Right


class Health(msgspec.Struct, frozen=True):
    """``status`` is ``alive`` or ``ready``."""

    status: str


class WorkerState(msgspec.Struct, frozen=True, rename="camel"):
    """A worker: its sessions, the places that were promised to others, and how many it has in all."""

    worker_id: str
    pid: int
    node: str
    state: str
    sessions: int
    reserved: int
    capacity: int
    rss_bytes: int


class IngressState(msgspec.Struct, frozen=True, rename="camel"):
    """A replica of the ingress."""

    replica_id: str
    pid: int


class Topology(msgspec.Struct, frozen=True):
    """Workers and ingress replicas."""

    workers: list[WorkerState]
    ingress: list[IngressState]


async def healthz(_: Request) -> Response:
    """Alive: this process answers."""
    return _json(Health("alive"))


async def readyz(_: Request) -> Response:
    """Whether a new session would be admitted now; 503 with the reason if it would be refused or wait."""
    try:
        await CapacityClient().check()
    except errors.LumiLinkError as error:
        return problem(error)
    return _json(Health("ready"))


async def topology(_request: Request, _identity: Identity) -> Response:
    """Workers and ingress replicas, as the capacity actor knows them."""
    workers, ingress = await CapacityClient().topology()
    rows = [
        WorkerState(
            one.worker_id,
            one.pid,
            one.node,
            one.state,
            one.sessions,
            one.reserved,
            one.capacity,
            one.rss_bytes,
        )
        for one in workers
    ]
    return _json(Topology(rows, [IngressState(one.replica_id, one.pid) for one in ingress]))


def _json(body: object) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")


_HEALTH: Final = Operation("GET", "/healthz", "Whether it is alive.", "operations", Answer(Health), None)
_READY: Final = Operation(
    "GET",
    "/readyz",
    "Whether a new session would be admitted now.",
    "operations",
    Answer(Health),
    None,
    faults=(errors.CapacityError, errors.WorkerUnavailableError),
)
_TOPOLOGY: Final = Operation(
    "GET",
    "/api/v1/topology",
    "Workers and ingress replicas.",
    "operations",
    Answer(Topology),
    Right.TOPOLOGY_READ,
    faults=(errors.WorkerUnavailableError,),
)
OPERATIONS: Final = (_HEALTH, _READY, _TOPOLOGY)
ROUTES: Final = [Route("/healthz", healthz), Route("/readyz", readyz), route(_TOPOLOGY, topology)]
