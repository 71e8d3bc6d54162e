"""The Ray Serve deployment around the ingress application."""

from __future__ import annotations

import asyncio
import gc
import logging
import os

import psutil
import ray
from ray import serve as ray_serve
from ray.serve import Deployment

from actors import errors
from actors.capacity.client import CapacityClient
from actors.capacity.ingress import IngressReport
from actors.metrics.client import start_telling
from actors.metrics.meters import meters
from actors.metrics.metric import Role
from serve.ingress.app import replica_app
from serve.ingress.gateway import Gateway, IngressSettings
from serve.ingress.gauges import watch_ingress
from serve.ingress.http import StreamableHttp
from serve.ingress.links import WorkerLinks
from serve.ingress.peers import Peers
from serve.ingress.scaling import ATTACHMENTS, CPU, ingress_autoscaling
from serve.ingress.socket import install as install_client_sockets
from serve.rights.installing import install as install_gate

log = logging.getLogger("lumilink.ingress")

REPORT_INTERVAL_S = 1.0
MAX_ONGOING = 20_000
GRACE_S = 5.0


class Ingress:
    """One replica. All that it knows of sessions can be found again: it may be replaced at any time."""

    def __init__(self, settings: IngressSettings) -> None:
        install_client_sockets()
        self._settings = settings
        self._replica_id = ray_serve.get_replica_context().replica_id.unique_id
        self._process = psutil.Process()
        self._capacity = CapacityClient()
        self._links = WorkerLinks(f"ingress-{self._replica_id}", settings.secret, self._capacity)
        gateway = Gateway(settings, self._links, self._capacity)
        self._peers = Peers(
            self._replica_id, settings.secret, settings.sse_keepalive_s, self._capacity.ingress
        )
        http = StreamableHttp(gateway, self._peers)
        replica_app().bind(gateway, http)
        watch_ingress(meters(), self._links)
        loop = asyncio.get_running_loop()
        # The replica owns these for as long as it lives; Ray ends the process, and them with it.
        self._tasks = [
            *install_gate(settings.auth),
            loop.create_task(self._report(http), name="report"),
            loop.create_task(http.sweep(), name="sweep"),
            loop.create_task(gateway.agent_profile(), name="first profile"),
            start_telling(Role.INGRESS),
        ]
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """What ``scaling.py`` judges by; Serve asks for it if the number of replicas follows the load."""
        return {ATTACHMENTS: float(self._links.attachments), CPU: self._process.cpu_percent() / 100}

    async def _report(self, http: StreamableHttp) -> None:
        here: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call] # Ray's own
        address = await self._peers.listen(self._settings.host or here, http)
        report = IngressReport(self._replica_id, address.host, address.port, os.getpid())
        while True:
            try:
                self._peers.learn(await self._capacity.report_ingress(report))
            except errors.LumiLinkError as error:
                log.warning("heartbeat: %s", error)
            await asyncio.sleep(REPORT_INTERVAL_S)


def ingress_deployment(replicas: int, max_replicas: int) -> Deployment:
    """The deployment of ``replicas`` replicas, and as many as ``max_replicas`` if load asks for them.

    Bind it with ``IngressSettings``.
    """
    follows_load = max_replicas > replicas
    deployment = ray_serve.deployment(
        name="ingress",
        # A WebSocket and an SSE stream hold a slot for as long as they live.
        max_ongoing_requests=MAX_ONGOING,
        ray_actor_options={"num_cpus": 0},
        graceful_shutdown_timeout_s=GRACE_S,
        num_replicas=None if follows_load else replicas,
        autoscaling_config=ingress_autoscaling(replicas, max_replicas) if follows_load else None,
    )
    return deployment(ray_serve.ingress(replica_app)(Ingress))
