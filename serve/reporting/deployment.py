"""The Ray Serve deployment that answers operators and probes."""

from __future__ import annotations

import asyncio
import logging

from ray import serve as ray_serve
from ray.serve import Deployment

from actors.capacity.client import CapacityClient
from actors.metrics.client import start_telling
from actors.metrics.metric import Role
from actors.shells import end_process_if_it_fails
from serve import agentapi
from serve.ingress.gateway import Gateway, IngressSettings
from serve.ingress.links import WorkerLinks
from serve.reporting import webhooks
from serve.reporting.app import reporting_app
from serve.reporting.origin import OriginRules, rules
from serve.reporting.records.source import records
from serve.reporting.runners import sockets as runner_sockets
from serve.reporting.telling import outbox
from serve.rights.installing import install

log = logging.getLogger("lumilink.reporting")


class Reporting:
    """One replica. But for the lines of runners, whose two ends meet here, it holds no state."""

    def __init__(
        self, settings: OriginRules, ingress: IngressSettings, records_url: str, webhook_secret: str
    ) -> None:
        # Owned for as long as the replica lives; Ray ends the process, and them with it.
        self._tasks = [*install(ingress.auth), start_telling(Role.REPORTING)]
        rules().allowed_hosts = settings.allowed_hosts
        rules().allowed_origins = settings.allowed_origins
        records().use(records_url)
        runner_sockets.use(ingress.secret)
        webhooks.use(webhook_secret)
        posting = asyncio.get_running_loop().create_task(outbox().run(), name="post events")
        end_process_if_it_fails(posting, log)
        self._tasks.append(posting)
        capacity = CapacityClient()
        name = f"agentapi-{ray_serve.get_replica_context().replica_id.unique_id}"
        agentapi.service().bind(Gateway(ingress, WorkerLinks(name, ingress.secret, capacity), capacity))


def reporting_deployment() -> Deployment:
    """The deployment of one replica; bind it with the ``OriginRules``."""
    deployment = ray_serve.deployment(
        name="reporting",
        # A stream of events holds a slot for as long as it lives.
        max_ongoing_requests=4000,
        ray_actor_options={"num_cpus": 0},
        graceful_shutdown_timeout_s=5.0,
    )
    return deployment(ray_serve.ingress(reporting_app)(Reporting))
