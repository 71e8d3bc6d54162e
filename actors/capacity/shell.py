"""The Ray actor around the ledger: one for the cluster, found by name."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import cast

from ray.actor import ActorHandle

from actors import errors
from actors.capacity.admission import Admission, AdmissionFigures
from actors.capacity.client import CAPACITY_NAME
from actors.capacity.gauges import watch_capacity
from actors.capacity.ingress import IngressReport
from actors.capacity.ledger import Ledger, Place, WorkerReport, WorkerView
from actors.capacity.limits import Limits
from actors.capacity.requests import Answer, Request
from actors.capacity.roll import Owner
from actors.capacity.watch import Watch, WatchSettings
from actors.capacity.whereabouts import SETTLE_S, EndWorker, Whereabouts
from actors.events.client import EventsClient
from actors.events.outbox import Outbox
from actors.metrics.catalogue import REFUSED
from actors.metrics.client import start_telling
from actors.metrics.meters import meters
from actors.metrics.metric import Role
from actors.shells import start_named

log = logging.getLogger("lumilink.capacity")

INGRESS_SILENCE_S = 6.0


class CapacityShell:
    """Reached by replicas and workers; asyncio, so that calls do not wait for each other's replies."""

    def __init__(self, end_worker: EndWorker, limits: Limits, watch: WatchSettings) -> None:
        self._ledger = Ledger()
        self._admission = Admission(self._ledger, limits, opens_at=time.monotonic() + SETTLE_S)
        self._whereabouts = Whereabouts(self._ledger, end_worker=end_worker)
        self._watching = asyncio.get_running_loop().create_task(self._whereabouts.watch(), name="watch")
        self._watching.add_done_callback(_ended)
        self._ingress: dict[str, tuple[IngressReport, float]] = {}
        self._tell(watch)

    def _tell(self, settings: WatchSettings) -> None:
        """Begin to tell of alerts, workers and sessions."""
        events = EventsClient()
        outbox = Outbox(events.post)
        self._watch = Watch(self._ledger, settings, outbox, self._refused)
        loop = asyncio.get_running_loop()
        self._telling = (
            loop.create_task(self._watch.run(events.open_alerts), name="watch capacity"),
            loop.create_task(outbox.run(), name="post events"),
        )
        for task in self._telling:
            task.add_done_callback(_ended)
        self._measuring = start_telling(Role.CAPACITY, Role.CAPACITY.value)
        watch_capacity(
            meters(),
            self._ledger,
            self._admission,
            lambda: self._watch.open_alerts,
            lambda: len(self._ingress),
            settings.metrics_installations,
        )

    def _refused(self) -> int:
        return self._admission.figures(time.monotonic()).refused

    async def report_worker(self, report: WorkerReport) -> bool:
        """A worker's heartbeat. False: this life counts as dead and its sessions are given to others."""
        known = self._ledger.report(report, time.monotonic())
        if known:
            self._watch.reported(report)
        return known

    async def report_ingress(self, report: IngressReport) -> list[IngressReport]:
        """A replica's heartbeat; it gets the replicas that are alive."""
        now = time.monotonic()
        self._ingress[report.replica_id] = (report, now)
        for replica_id, (_, heard_at) in list(self._ingress.items()):
            if now - heard_at > INGRESS_SILENCE_S:
                del self._ingress[replica_id]
        return [known for known, _ in self._ingress.values()]

    async def admit(self, requests: list[Request], given_up: list[str]) -> list[Answer]:
        """See ``Admission.admit``. One call carries many requests, as a call costs as much as a hundred."""
        answers = self._admission.admit(requests, given_up, time.monotonic())
        for answer in answers:
            if isinstance(answer, errors.LumiLinkError):
                meters().count(REFUSED, answer.code)
        return answers

    async def check(self) -> None:
        """See ``Admission.check``."""
        self._admission.check(time.monotonic())

    async def admission(self) -> AdmissionFigures:
        """See ``Admission.figures``."""
        return self._admission.figures(time.monotonic())

    async def release(self, session_id: str) -> None:
        """See ``Ledger.release``."""
        self._ledger.release(session_id)

    async def locate(self, session_id: str) -> Place:
        """See ``Whereabouts.locate``."""
        self._watch.returned(1)
        return self._whereabouts.locate(session_id)

    async def find(self, session_id: str) -> Place | None:
        """See ``Whereabouts.find``."""
        return self._whereabouts.find(session_id)

    async def whereis(self, life: str) -> Place | None:
        """See ``Whereabouts.whereis``."""
        return self._whereabouts.whereis(life)

    async def home_of(self, owner: Owner) -> Place:
        """See ``Ledger.home_of``."""
        return self._ledger.home_of(owner, time.monotonic())

    async def relocate(self, session_ids: list[str], lost: str) -> dict[str, Place]:
        """See ``Whereabouts.relocate``."""
        return await self._whereabouts.relocate(session_ids, lost)

    async def places(self) -> list[Place]:
        """See ``Ledger.places``."""
        return self._ledger.places()

    async def dismiss(self, worker_id: str) -> None:
        """See ``Ledger.dismiss``."""
        self._ledger.dismiss(worker_id)

    async def topology(self) -> tuple[list[WorkerView], list[IngressReport]]:
        """Workers and ingress replicas."""
        return self._ledger.views(time.monotonic()), [report for report, _ in self._ingress.values()]


def _ended(task: asyncio.Task[None]) -> None:
    # Admission goes on: it must not be hurt by what stands beside it.
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("%s ended with %s", task.get_name(), type(error).__name__)


def start_capacity(
    end_worker: EndWorker, limits: Limits, watch: WatchSettings, on: dict[str, float] | None = None
) -> ActorHandle[CapacityShell]:
    """Make the cluster's capacity actor; Ray restarts it, and the workers' reports fill its books again.

    ``end_worker`` is how it ends the process of a worker that is silent, ``watch`` what it tells of and
    ``on`` what its node must have.
    """
    named = start_named(CapacityShell, CAPACITY_NAME, end_worker, limits, watch, on=on, call_retries=3)
    return cast("ActorHandle[CapacityShell]", named)
