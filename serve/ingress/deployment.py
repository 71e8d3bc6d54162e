"""The Ray Serve deployment around the ingress application."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from typing import Any

import ray
from ray import serve as ray_serve
from ray.exceptions import RayActorError, RayTaskError

from actors import errors
from actors.capacity.ledger import Place
from actors.capacity.shell import CAPACITY_NAME, NAMESPACE, IngressReport
from serve.ingress.app import replica_app
from serve.ingress.gateway import Gateway, IngressSettings
from serve.ingress.http import StreamableHttp
from serve.ingress.links import WorkerLinks

log = logging.getLogger("lumilink.ingress")

REPORT_INTERVAL_S = 1.0
CALL_DEADLINE_S = 10.0
MAX_ONGOING = 20_000

class RayCapacity:
    """The capacity actor's methods as coroutines."""

    def __init__(self) -> None:
        self._actor = ray.get_actor(CAPACITY_NAME, namespace=NAMESPACE)

    async def reserve(self, workspace: str, session_id: str) -> Place:
        """See ``Ledger.reserve``."""
        place: Place = await self._call("reserve", workspace, session_id)
        return place

    async def release(self, session_id: str) -> None:
        """See ``Ledger.release``."""
        await self._call("release", session_id)

    async def locate(self, session_id: str) -> Place:
        """See ``Ledger.locate``."""
        place: Place = await self._call("locate", session_id)
        return place

    async def places(self) -> list[Place]:
        """See ``Ledger.places``."""
        places: list[Place] = await self._call("places")
        return places

    async def report(self, report: IngressReport) -> list[IngressReport]:
        """This replica's heartbeat; returns the replicas that are alive."""
        alive: list[IngressReport] = await self._call("report_ingress", report)
        return alive

    async def _call(self, method: str, *arguments: object) -> Any:
        try:
            async with asyncio.timeout(CALL_DEADLINE_S):
                return await getattr(self._actor, method).remote(*arguments)
        except RayTaskError as error:
            if isinstance(error.cause, errors.LumiLinkError):
                raise error.cause from None
            raise
        except (RayActorError, TimeoutError):
            raise errors.WorkerUnavailableError("the capacity actor does not answer", 2.0) from None


@ray_serve.deployment(
    name="ingress",
    # A WebSocket and an SSE stream hold a slot for as long as they live.
    max_ongoing_requests=MAX_ONGOING,
    ray_actor_options={"num_cpus": 0},
    graceful_shutdown_timeout_s=5.0,
)
@ray_serve.ingress(replica_app)
class Ingress:
    """One replica. Everything that it knows of sessions can be found again: it may be replaced at any time."""

    def __init__(self, settings: IngressSettings) -> None:
        self._settings = settings
        self._replica_id = ray_serve.get_replica_context().replica_id.unique_id
        self._capacity = RayCapacity()
        self._links = WorkerLinks(f"ingress-{self._replica_id}", settings.secret)
        gateway = Gateway(settings, self._links, self._capacity)
        http = StreamableHttp(gateway)
        replica_app().bind(gateway, http)
        loop = asyncio.get_running_loop()
        # The replica owns these for as long as it lives; Ray ends the process, and them with it.
        self._tasks = [
            loop.create_task(self._report(), name="report"),
            loop.create_task(http.sweep(), name="sweep"),
            loop.create_task(gateway.agent_profile(), name="first profile"),
        ]
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)

    async def _report(self) -> None:
        while True:
            try:
                await self._capacity.report(IngressReport(self._replica_id, "", 0, os.getpid(), 0))
            except errors.LumiLinkError as error:
                log.warning("heartbeat: %s", error)
            await asyncio.sleep(REPORT_INTERVAL_S)
