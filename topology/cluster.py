"""Bringing a gateway up on Ray, and taking it down again.

Imported only after ``ray_environment`` is in force; see ``up.py``.
"""

from __future__ import annotations

import logging
from pathlib import Path
from secrets import token_hex

import ray
from ray import serve as ray_serve
from ray.actor import ActorHandle
from ray.serve.config import HTTPOptions

from actors import errors
from actors.agents.target import AgentTarget
from actors.capacity.shell import NAMESPACE, CapacityShell, start_capacity
from actors.connection.messages import ConnectionSettings
from actors.connection.reconnecting import ReconnectPolicy
from actors.host import WorkerSettings
from actors.link.secret import new_secret
from actors.storage import StorageSettings
from actors.worker import WorkerShell, start_worker
from serve.ingress.deployment import ingress_deployment
from serve.ingress.gateway import IngressSettings
from serve.ingress.guard import LOOPBACK_NAMES
from serve.reporting.deployment import reporting_deployment
from serve.reporting.origin import OriginRules
from topology.data_directory import DataDirectory
from topology.settings import Settings

log = logging.getLogger("lumilink.topology")

WORKER_READY_S = 30.0
STOP_WORKER_S = 15.0
OBJECT_STORE_BYTES = 80 * 1024 * 1024
LOOPBACK = "127.0.0.1"


class Cluster:
    """A gateway's actors and deployments on a Ray of its own."""

    def __init__(self, settings: Settings, data: DataDirectory) -> None:
        self._settings = settings
        self._token_key = data.token_key()
        self._storage = StorageSettings(
            gateway=token_hex(8),
            journal=data.journal_url(settings.journal),
            durability=settings.durability,
            seal_key=data.seal_key(),
            history_bytes=settings.history_bytes,
        )
        self._secret = new_secret()
        self._capacity: ActorHandle[CapacityShell] | None = None
        self._workers: list[ActorHandle[WorkerShell]] = []

    def start_ray(self) -> None:
        """Start Ray in this process. Raises RayUnavailableError."""
        try:
            ray.init(
                address="local",
                namespace=NAMESPACE,
                include_dashboard=self._settings.dashboard,
                dashboard_host=LOOPBACK,
                _node_ip_address=LOOPBACK,
                # Nothing of ours travels through Ray's object store.
                object_store_memory=OBJECT_STORE_BYTES,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except Exception as error:
            raise errors.RayUnavailableError(f"Ray did not start: {type(error).__name__}: {error}") from error

    def start_workers(self) -> None:
        """Make the capacity actor and the workers; they start while the deployments do."""
        self._capacity = start_capacity()
        settings = self._settings
        connection = ConnectionSettings(
            target=AgentTarget.parse(settings.agent),
            agent_environment=settings.agent_environment,
            agent_start_timeout_s=settings.agent_start_timeout_s,
            request_timeout_s=settings.request_timeout_s,
            cancel_grace_s=settings.cancel_grace_s,
            detached_ttl_s=settings.detached_ttl_s,
            max_frame_bytes=settings.max_frame_bytes,
            agent_idle_s=settings.agent_idle_s,
            question_ttl_s=settings.question_ttl_s,
            stall_timeout_s=settings.stall_timeout_s,
            reconnect=ReconnectPolicy(
                first_delay_s=settings.reconnect_first_delay_s,
                max_delay_s=settings.reconnect_max_delay_s,
                attempts=settings.reconnect_attempts,
            ),
        )
        for number in range(settings.workers):
            worker_id = f"worker-{number}"
            worker = WorkerSettings(
                worker_id, LOOPBACK, self._secret, settings.sessions_per_worker, connection, self._storage
            )
            self._workers.append(start_worker(worker))

    def start_serving(self) -> None:
        """Deploy ingress and reporting. Raises RayUnavailableError."""
        try:
            self._deploy()
        except Exception as error:
            # A remote error's text is a whole traceback, and its last line what went wrong.
            why = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise errors.RayUnavailableError(f"Ray Serve did not start: {why}") from error

    def _deploy(self) -> None:
        settings = self._settings
        # What Serve does is told by its own logs; the terminal gets what the operator has to know.
        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        ray_serve.start(http_options=HTTPOptions(host=settings.host, port=settings.port))
        ingress = IngressSettings(
            secret=self._secret,
            token_key=self._token_key,
            max_frame_bytes=settings.max_frame_bytes,
            allowed_hosts=tuple(sorted(LOOPBACK_NAMES)) if settings.is_loopback else (),
            allowed_origins=settings.allowed_origins,
            profile_deadline_s=settings.agent_start_timeout_s,
            connection_idle_s=settings.connection_idle_s,
        )
        rules = OriginRules(ingress.allowed_hosts, ingress.allowed_origins)
        replicas, reporting = ingress_deployment(settings.ingress_replicas), reporting_deployment()
        ray_serve.run_many(
            [
                ray_serve.RunTarget(target=replicas.bind(ingress), name="ingress", route_prefix="/acp"),
                ray_serve.RunTarget(target=reporting.bind(rules), name="reporting", route_prefix="/"),
            ]
        )

    def wait_for_workers(self) -> None:
        """Wait until every worker serves.

        Raises what kept one from it, such as JournalUnavailableError, or RayUnavailableError.
        """
        try:
            ray.get([worker.ready.remote() for worker in self._workers], timeout=WORKER_READY_S)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, errors.LumiLinkError):
                raise error.cause from None
            raise errors.RayUnavailableError(f"a worker did not start: {error}") from error
        except ray.exceptions.RayError as error:
            raise errors.RayUnavailableError(f"a worker did not start: {error}") from error

    def stop(self) -> None:
        """End sessions and agents, telling their clients, then Ray and with it the deployments.

        Serve's own shutdown would hold every replica for its 30 s of draining, for clients that have just
        been told that their sessions are over.
        """
        if not ray.is_initialized():
            return
        try:
            stopping: list[ray.ObjectRef[None]] = [worker.stop.remote() for worker in self._workers]
            if stopping:
                ray.wait(stopping, num_returns=len(stopping), timeout=STOP_WORKER_S)
        except ray.exceptions.RayError as error:
            log.warning("Ray was already going: %s", type(error).__name__)
        finally:
            ray.shutdown()


def log_dir() -> Path:
    """Where Ray keeps the logs of this gateway's processes."""
    return Path(ray.worker.global_worker.node.get_logs_dir_path())
