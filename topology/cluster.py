"""Bringing a gateway up on Ray, and taking it down again.

Imported only after ``ray_environment`` is in force; see ``up.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import ray
from ray import serve as ray_serve
from ray._private.gcs_utils import cleanup_redis_storage
from ray.actor import ActorHandle
from ray.serve.config import HTTPOptions, ProxyLocation

from actors import errors
from actors.agents.target import AgentTarget
from actors.capacity.limits import Limits
from actors.capacity.shell import CapacityShell, start_capacity
from actors.connection.messages import ConnectionSettings
from actors.connection.reconnecting import ReconnectPolicy
from actors.events.shell import EventsShell, start_events
from actors.host import WorkerSettings
from actors.link.secret import new_secret
from actors.metrics.shell import MetricsShell, start_metrics
from actors.named_actor import NAMESPACE
from actors.projector.settings import ProjectorSettings
from actors.projector.shell import ProjectorShell, start_projector
from actors.retention.policy import RetentionPolicy
from actors.retention.settings import RetentionSettings
from actors.retention.shell import RetentionShell, start_retention
from actors.rollout.keeper import RolloutSettings
from actors.rollout.shell import RolloutShell, start_rollout
from actors.runner_link.secret import runner_token
from actors.storage import StorageSettings
from actors.worker import WorkerNeeds, end_worker
from serve.ingress.deployment import ingress_deployment
from serve.ingress.gateway import IngressSettings
from serve.ingress.guard import LOOPBACK_NAMES
from serve.reporting.deployment import reporting_deployment
from serve.reporting.origin import OriginRules
from topology import alerting, joined
from topology.analytics import analytics_settings
from topology.auth import auth_settings
from topology.automating import automation_settings, forge_access
from topology.data_directory import DataDirectory
from topology.gcs import GCS_NAMESPACE, GcsKeeper
from topology.pool_shell import PoolSettings, PoolShell, start_pool
from topology.protocol_policy import default_policy
from topology.settings import Settings

log = logging.getLogger("lumilink.topology")

WORKER_READY_S = 30.0
NODE_READY_S = 600.0
"""In a cluster a worker may have to wait for its node."""
STOP_POOL_S = 18.0
STOP_EVENTS_S = 6.0
REPLICA_CHECK_S = 1.0
OBJECT_STORE_BYTES = 80 * 1024 * 1024
LOOPBACK = "127.0.0.1"
_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - not listened on, but recognised
MEMORY = "memory"
"""The journal that no other process can read, so that nothing is projected from it."""


class Cluster:
    """A gateway's actors and deployments, on a Ray of its own or on a cluster that it joins.

    ``environment`` is that of its processes in a cluster; a Ray of its own has it from this process.
    """

    def __init__(
        self, settings: Settings, data: DataDirectory, environment: Mapping[str, str] | None = None
    ) -> None:
        self._settings = settings
        self._environment = dict(environment or {})
        self._token_key = data.token_key()
        self._storage = StorageSettings(
            gateway=token_hex(8),
            journal=data.journal_url(settings.journal),
            durability=settings.durability,
            seal_key=data.seal_key(),
            history_bytes=settings.history_bytes,
        )
        self._auth = auth_settings(settings, data)
        self._records_url = data.records_url(settings.records)
        self._secret = new_secret()
        self._automation = automation_settings(settings)
        self._capacity: ActorHandle[CapacityShell] | None = None
        self._events: ActorHandle[EventsShell] | None = None
        self._projector: ActorHandle[ProjectorShell] | None = None
        self._rollout: ActorHandle[RolloutShell] | None = None
        self._retention: ActorHandle[RetentionShell] | None = None
        self._metrics: ActorHandle[MetricsShell] | None = None
        self._pool: ActorHandle[PoolShell] | None = None
        self._gcs: GcsKeeper | None = None
        self._is_guest = False

    def start_ray(self, address: str = "local") -> None:
        """Start a Ray of our own, or connect to the one at ``address``. Raises RayUnavailableError.

        The nodes of another run on; see ``joined.py`` for what is left there.
        """
        try:
            if address != "local":
                self._join(address)
                return
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
            if self._settings.gcs_redis:
                node = ray.worker.global_worker.node
                [gcs] = node.all_processes["gcs_server"]
                self._gcs = GcsKeeper(gcs.process.pid, int(node.gcs_address.rpartition(":")[2]))
        except errors.LumiLinkError:
            raise
        except Exception as error:
            raise errors.RayUnavailableError(f"Ray did not start: {type(error).__name__}: {error}") from error

    def _join(self, address: str) -> None:
        self._is_guest = True
        ray.init(
            address=address,
            namespace=NAMESPACE,
            # The nodes have an environment of their own; this is that of the gateway's processes alone.
            runtime_env={"env_vars": self._environment},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        joined.take_over()

    def look_after(self) -> None:
        """To be called about twice a second: start Ray's GCS anew where it has died and its state has not."""
        if self._gcs is not None:
            self._gcs.look()

    def start_workers(self) -> None:
        """Make the capacity actor and the workers; they start while the deployments do."""
        settings = self._settings
        self._events = start_events(alerting.events_settings(settings, self._storage), self._on_head)
        if settings.journal != MEMORY:
            analytics = analytics_settings(settings)
            projected = ProjectorSettings(self._storage, self._records_url, analytics)
            self._projector = start_projector(projected, self._on_head)
            self._retention = start_retention(self._retained(), self._on_head)
        rollout = RolloutSettings(self._storage, default_policy(settings))
        self._rollout = start_rollout(rollout, self._on_head)
        if settings.metrics:
            self._metrics = start_metrics(self._on_head)
        self._capacity = start_capacity(
            end_worker, self._limits(), alerting.watch_settings(settings), self._on_head
        )
        connection = ConnectionSettings(
            target=AgentTarget.parse(settings.agent).met_at(self._own_address, runner_token(self._secret)),
            fallback=AgentTarget.parse(settings.fallback_agent) if settings.fallback_agent else None,
            fallback_enabled=settings.fallback_enabled,
            agent_environment=settings.agent_environment,
            agent_start_timeout_s=settings.agent_start_timeout_s,
            request_timeout_s=settings.request_timeout_s,
            cancel_grace_s=settings.cancel_grace_s,
            detached_ttl_s=settings.detached_ttl_s,
            max_frame_bytes=settings.max_frame_bytes,
            agent_idle_s=settings.agent_idle_s,
            agent_wait_s=settings.agent_wait_s,
            question_ttl_s=settings.question_ttl_s,
            stall_timeout_s=settings.stall_timeout_s,
            reconnect=ReconnectPolicy(
                first_delay_s=settings.reconnect_first_delay_s,
                max_delay_s=settings.reconnect_max_delay_s,
                attempts=settings.reconnect_attempts,
                idle_timeout_s=settings.reconnect_idle_timeout_s,
            ),
        )
        pattern = WorkerSettings(
            "",
            self._host,
            self._secret,
            settings.sessions_per_worker,
            connection,
            self._storage,
            agent_memory_reserve=settings.agent_memory_reserve,
            policy=default_policy(settings),
            automation=self._automation,
            forge=forge_access(settings),
        )
        needs = WorkerNeeds(settings.worker_cpus, settings.worker_resource)
        self._pool = start_pool(
            PoolSettings(pattern, needs, settings.workers, settings.max_workers, settings.scale_down_after_s),
            self._on_head,
        )

    def _retained(self) -> RetentionSettings:
        settings = self._settings
        policy = RetentionPolicy(settings.retention, settings.retention_installations)
        every_s = settings.retention_sweep_every_s
        return RetentionSettings(self._storage, self._records_url, policy, every_s)

    def _limits(self) -> Limits:
        settings = self._settings
        return Limits(
            sessions_per_installation=settings.sessions_per_installation,
            sessions_per_workspace=settings.sessions_per_workspace,
            new_sessions_per_s_installation=settings.new_sessions_per_s_installation,
            new_sessions_per_s_user=settings.new_sessions_per_s_user,
            queue=settings.admission_queue,
        )

    @property
    def _host(self) -> str:
        """Where the gateway's processes listen for each other: in a cluster at the address of their node."""
        return "" if self._is_guest else LOOPBACK

    @property
    def _own_address(self) -> str:
        """Where workers reach the gateway's own interface, for agents that come to it."""
        host = self._settings.host
        if host in _EVERYWHERE:
            host = _this_node() if self._is_guest else LOOPBACK
        return f"ws://{f'[{host}]' if ':' in host else host}:{self._settings.port}"

    @property
    def _on_head(self) -> dict[str, float]:
        """What the node of all but the workers must have: one of these elsewhere would keep its node."""
        return {"node:__internal_head__": 0.001} if self._is_guest else {}

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
        # Clients come to one address, the head's.
        where = HTTPOptions(host=settings.host, port=settings.port)
        ray_serve.start(proxy_location=ProxyLocation.HeadOnly, http_options=where)
        ingress = IngressSettings(
            secret=self._secret,
            host=self._host,
            token_key=self._token_key,
            max_frame_bytes=settings.max_frame_bytes,
            allowed_hosts=tuple(sorted(LOOPBACK_NAMES)) if settings.is_loopback else (),
            allowed_origins=settings.allowed_origins,
            profile_deadline_s=settings.agent_start_timeout_s,
            connection_idle_s=settings.connection_idle_s,
            admission_wait_s=settings.admission_wait_s,
            auth=self._auth,
        )
        rules = OriginRules(ingress.allowed_hosts, ingress.allowed_origins)
        where_actors = {"num_cpus": 0, "resources": self._on_head}
        replicas = ingress_deployment(settings.ingress_replicas, settings.max_ingress_replicas)
        # With Serve's 10 s it would take so long until a dead replica is replaced.
        care_s = REPLICA_CHECK_S
        replicas = replicas.options(ray_actor_options=where_actors, health_check_period_s=care_s)
        reporting = reporting_deployment()
        reporting = reporting.options(ray_actor_options=where_actors, health_check_period_s=care_s)
        ray_serve.run_many(
            [
                ray_serve.RunTarget(
                    target=replicas.bind(ingress),
                    name="ingress",
                    route_prefix="/acp",
                    # A number that does not follow the load may be changed by Serve's REST API.
                    external_scaler_enabled=settings.max_ingress_replicas <= settings.ingress_replicas,
                ),
                ray_serve.RunTarget(
                    target=reporting.bind(
                        rules,
                        ingress,
                        self._records_url,
                        settings.github_webhook_secret.get_secret_value(),
                    ),
                    name="reporting",
                    route_prefix="/",
                ),
            ]
        )

    def wait_for_workers(self) -> None:
        """Wait until every worker serves.

        Raises what kept one from it, such as JournalUnavailableError, or RayUnavailableError.
        """
        assert self._pool is not None
        limit_s = NODE_READY_S if self._is_guest else WORKER_READY_S
        try:
            ray.get(self._pool.ready.remote(), timeout=limit_s)
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
            if self._pool is not None:
                ray.wait([self._pool.stop.remote()], timeout=STOP_POOL_S)
            self._stop_last()
            # Not where it was refused: what Serve runs there is another gateway's.
            if self._is_guest and self._capacity is not None:
                joined.leave()
        except ray.exceptions.RayError as error:
            log.warning("Ray was already going: %s", type(error).__name__)
        finally:
            ray.shutdown()
            if self._gcs is not None:
                self._gcs.stop()
                self._forget_state()

    def _stop_last(self) -> None:
        """What the workers tell of, or ask, until they have ended."""
        ends: list[Any] = []
        if self._projector is not None:
            ends.append(self._projector.stop.remote())
        if self._events is not None:
            ends.append(self._events.stop.remote())
        if self._retention is not None:
            ends.append(self._retention.stop.remote())
        if self._rollout is not None:
            ends.append(self._rollout.stop.remote())
        if ends:
            ray.wait(ends, num_returns=len(ends), timeout=STOP_EVENTS_S)

    def _forget_state(self) -> None:
        """Take out of Redis what this life of Ray kept there; the next one has a namespace of its own."""
        host, _, port = self._settings.gcs_redis.rpartition(":")
        namespace = self._environment[GCS_NAMESPACE]
        cleanup_redis_storage(host, int(port), password="", use_ssl=False, storage_namespace=namespace)


def log_dir() -> Path:
    """Where Ray keeps the logs of this gateway's processes."""
    return Path(ray.worker.global_worker.node.get_logs_dir_path())


def _this_node() -> str:
    address: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call] # Ray's own
    return address
