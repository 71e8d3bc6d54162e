"""The Ray actor around the ledger: one for the cluster, found by name."""

from __future__ import annotations

import time
from dataclasses import dataclass

import ray

from actors.capacity.ledger import Ledger, Place, WorkerReport, WorkerView

CAPACITY_NAME = "lumilink-capacity"
NAMESPACE = "lumilink"
INGRESS_SILENCE_S = 6.0


@dataclass(frozen=True, slots=True)
class IngressReport:
    """What an ingress replica says of itself, about once a second."""

    replica_id: str
    host: str
    port: int
    pid: int
    connections: int


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=3)
class CapacityActor:
    """Reached by replicas and workers; asyncio, so that calls do not wait for each other's replies."""

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._ingress: dict[str, tuple[IngressReport, float]] = {}

    async def report_worker(self, report: WorkerReport) -> None:
        """A worker's heartbeat."""
        self._ledger.report(report, time.monotonic())

    async def report_ingress(self, report: IngressReport) -> list[IngressReport]:
        """A replica's heartbeat; it gets the replicas that are alive."""
        now = time.monotonic()
        self._ingress[report.replica_id] = (report, now)
        for replica_id, (_, heard_at) in list(self._ingress.items()):
            if now - heard_at > INGRESS_SILENCE_S:
                del self._ingress[replica_id]
        return [known for known, _ in self._ingress.values()]

    async def reserve(self, workspace: str, session_id: str) -> Place:
        """See ``Ledger.reserve``."""
        return self._ledger.reserve(workspace, session_id, time.monotonic())

    async def release(self, session_id: str) -> None:
        """See ``Ledger.release``."""
        self._ledger.release(session_id)

    async def locate(self, session_id: str) -> Place:
        """See ``Ledger.locate``."""
        return self._ledger.locate(session_id)

    async def places(self) -> list[Place]:
        """See ``Ledger.places``."""
        return self._ledger.places()

    async def topology(self) -> tuple[list[WorkerView], list[IngressReport]]:
        """Workers and ingress replicas."""
        return self._ledger.views(time.monotonic()), [report for report, _ in self._ingress.values()]
