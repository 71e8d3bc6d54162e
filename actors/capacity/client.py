"""The capacity actor for other processes."""

from __future__ import annotations

from typing import Final

from actors.capacity.admission import AdmissionFigures
from actors.capacity.ingress import IngressReport
from actors.capacity.ledger import Place, WorkerReport, WorkerView
from actors.capacity.requests import Answer, Request
from actors.capacity.roll import Owner
from actors.named_actor import NamedActor

CAPACITY_NAME: Final = "lumilink-capacity"
CALL_DEADLINE_S: Final = 10.0


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
