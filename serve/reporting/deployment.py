"""The Ray Serve deployment that answers operators and probes."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from ray import serve as ray_serve
from ray.serve import Deployment
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import errors
from actors.capacity.ledger import WorkerView
from actors.capacity.shell import CapacityClient, IngressReport
from serve.problem import problem
from serve.reporting import capacity_alerts, live_events, pool, questions, workers
from serve.reporting.origin import OriginRules, rules


@dataclass(frozen=True, slots=True)
class Topology:
    """What ``/api/v1/topology`` answers."""

    workers: list[WorkerView]
    ingress: list[IngressReport]


async def _read_topology() -> Topology:
    """Raises WorkerUnavailableError while the capacity actor cannot be reached."""
    return Topology(*await CapacityClient().topology())


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


async def healthz(_: Request) -> Response:
    """Alive: this process answers."""
    return _json({"status": "alive"})


async def readyz(_: Request) -> Response:
    """Whether a new session would be admitted now; 503 with the reason if it would be refused or wait."""
    try:
        await CapacityClient().check()
    except errors.LumiLinkError as error:
        return problem(error)
    return _json({"status": "ready"})


async def topology(_: Request) -> Response:
    """Workers and ingress replicas."""
    try:
        found = await _read_topology()
    except errors.LumiLinkError as error:
        return problem(error)
    rows = [
        {
            "workerId": worker.worker_id,
            "pid": worker.pid,
            "node": worker.node,
            "state": worker.state,
            "sessions": worker.sessions,
            "reserved": worker.reserved,
            "capacity": worker.capacity,
            "rssBytes": worker.rss_bytes,
        }
        for worker in found.workers
    ]
    ingress = [{"replicaId": one.replica_id, "pid": one.pid} for one in found.ingress]
    return _json({"workers": rows, "ingress": ingress})


app = Starlette(
    routes=[
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/api/v1/topology", topology),
        *questions.ROUTES,
        *workers.ROUTES,
        *pool.ROUTES,
        *capacity_alerts.ROUTES,
        *live_events.ROUTES,
    ]
)


class Reporting:
    """One replica; it holds no state."""

    def __init__(self, settings: OriginRules) -> None:
        rules().allowed_hosts = settings.allowed_hosts
        rules().allowed_origins = settings.allowed_origins


def reporting_deployment() -> Deployment:
    """The deployment of one replica; bind it with the ``OriginRules``."""
    deployment = ray_serve.deployment(
        name="reporting",
        max_ongoing_requests=1000,
        ray_actor_options={"num_cpus": 0},
        graceful_shutdown_timeout_s=5.0,
    )
    return deployment(ray_serve.ingress(app)(Reporting))
