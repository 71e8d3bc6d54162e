"""The Ray actor around the ledger: one for the cluster, found by name."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import cast

import ray
from ray.actor import ActorHandle

from actors.capacity.admission import Admission, AdmissionFigures
from actors.capacity.ledger import Ledger, Place, WorkerReport, WorkerView
from actors.capacity.limits import Limits
from actors.capacity.requests import Answer, Request
from actors.capacity.roll import Owner
from actors.capacity.watch import Watch, WatchSettings
from actors.capacity.whereabouts import SETTLE_S, EndWorker, Whereabouts
from actors.events.outbox import Outbox
from actors.events.shell import EventsClient
from actors.named_actor import NAMESPACE, NamedActor

log = logging.getLogger("lumilink.capacity")

CAPACITY_NAME = "lumilink-capacity"
INGRESS_SILENCE_S = 6.0
CALL_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class IngressReport:
    """What an ingress replica says of itself, about once a second."""

    replica_id: str
    host: str
    port: int
    pid: int


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
        return self._admission.admit(requests, given_up, time.monotonic())

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
    actor_class = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=3)(CapacityShell)
    named = actor_class.options(name=CAPACITY_NAME, namespace=NAMESPACE, resources=on or {})
    return cast("ActorHandle[CapacityShell]", named.remote(end_worker, limits, watch))


class CapacityClient:
    """The capacity actor's methods for other processes.

    Each raises what the actor raised, or WorkerUnavailableError if it does not answer within 10 s.
    """

    def __init__(self) -> None:
        self._actor = NamedActor(CAPACITY_NAME, "the capacity actor", CALL_DEADLINE_S, 2.0)

    async def admit(self, requests: list[Request], given_up: list[str]) -> list[Answer]:
        """See ``Admission.admit``."""
        answers: list[Answer] = await self._actor.call("admit", requests, given_up)
        return answers

    async def check(self) -> None:
        """Raises what keeps a new session from being admitted at once."""
        await self._actor.call("check")

    async def admission(self) -> AdmissionFigures:
        """How admission goes."""
        figures: AdmissionFigures = await self._actor.call("admission")
        return figures

    async def release(self, session_id: str) -> None:
        """See ``Ledger.release``."""
        await self._actor.call("release", session_id)

    async def locate(self, session_id: str) -> Place:
        """See ``Whereabouts.locate``."""
        place: Place = await self._actor.call("locate", session_id)
        return place

    async def find(self, session_id: str) -> Place | None:
        """Where a session is, or is awaited; None if no worker has it. Nothing is reserved."""
        place: Place | None = await self._actor.call("find", session_id)
        return place

    async def whereis(self, life: str) -> Place | None:
        """Where the worker with this life is; None means that it is dead for sure.

        Raises WorkerUnavailableError while the capacity actor is too fresh to know.
        """
        place: Place | None = await self._actor.call("whereis", life)
        return place

    async def home_of(self, owner: Owner) -> Place:
        """Where a workspace is, or where it would go.

        Raises WorkerUnavailableError while there is no worker.
        """
        place: Place = await self._actor.call("home_of", owner)
        return place

    async def relocate(self, session_ids: list[str], lost: str) -> dict[str, Place]:
        """Where sessions go whose link to the worker with the life ``lost`` broke; see ``Whereabouts``.

        Raises WorkerUnavailableError while there is no worker, or the capacity actor is too fresh to know.
        """
        places: dict[str, Place] = await self._actor.call("relocate", session_ids, lost)
        return places

    async def places(self) -> list[Place]:
        """See ``Ledger.places``."""
        places: list[Place] = await self._actor.call("places")
        return places

    async def report_worker(self, report: WorkerReport) -> bool:
        """A worker's heartbeat. False: this life counts as dead; the process should end itself."""
        known: bool = await self._actor.call("report_worker", report)
        return known

    async def report_ingress(self, report: IngressReport) -> list[IngressReport]:
        """A replica's heartbeat; returns the replicas that are alive."""
        alive: list[IngressReport] = await self._actor.call("report_ingress", report)
        return alive

    async def dismiss(self, worker_id: str) -> None:
        """A worker was ended for good: it is shown no more."""
        await self._actor.call("dismiss", worker_id)

    async def ingress(self) -> list[IngressReport]:
        """The replicas that are alive."""
        return (await self.topology())[1]

    async def topology(self) -> tuple[list[WorkerView], list[IngressReport]]:
        """Workers and ingress replicas."""
        found: tuple[list[WorkerView], list[IngressReport]] = await self._actor.call("topology")
        return found
