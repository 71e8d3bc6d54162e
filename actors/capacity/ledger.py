"""The books of capacity: workers, their room, and which session and workspace is where.

Plain state with the time handed in, so that it can be tested by simulation; ``shell.py`` makes an actor
of it. A place is *reserved* when a replica asks for it and *used* once the worker reports the session;
a reservation that no worker confirms lapses. What workers report is the truth: a session that a worker
no longer reports is not there any more, and neither is one that began and ended between two reports. It may
still be in the journal: so whoever looks for it gets a place where it can be opened again.

A *life* is one life of a worker's process. Once it counts as dead it never comes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from actors import errors

RESERVATION_TTL_S = 120.0
WORKER_SILENCE_S = 6.0
MAX_DEAD = 1000
"""How many dead lives are remembered; the one that died first goes first."""
MAX_WORKSPACES = 100_000
"""Of how many workspaces it is remembered where they are; the one asked for longest ago goes first."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker says of itself, about once a second.

    ``life`` names this life of its process; a worker that starts anew has another one. ``sessions`` are those
    that it holds, ``ended`` those that ended since its last report. ``draining``: it gives its sessions away
    and takes no more.
    """

    worker_id: str
    life: str
    host: str
    port: int
    pid: int
    node: str
    capacity: int
    rss_bytes: int
    sessions: list[str]
    ended: list[str] = field(default_factory=list)
    draining: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session is, or is to be made: a worker, which life of it, and where it accepts links."""

    worker_id: str
    life: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker as the topology shows it."""

    worker_id: str
    pid: int
    node: str
    state: str
    sessions: int
    reserved: int
    capacity: int
    rss_bytes: int


@dataclass(slots=True, eq=False)
class _Worker:
    report: WorkerReport
    heard_at: float
    used: set[str] = field(default_factory=set)
    reserved: dict[str, float] = field(default_factory=dict)

    def room(self) -> int:
        if self.report.draining:
            return 0
        return self.report.capacity - len(self.used) - len(self.reserved)

    def is_heard(self, now: float) -> bool:
        return now - self.heard_at <= WORKER_SILENCE_S

    def state(self, now: float) -> str:
        if not self.is_heard(now):
            return "silent"
        return "draining" if self.report.draining else "alive"

    def place(self) -> Place:
        return Place(self.report.worker_id, self.report.life, self.report.host, self.report.port)


class Ledger:
    """Admits sessions up to each worker's capacity and remembers where they are."""

    def __init__(self) -> None:
        self._workers: dict[str, _Worker] = {}
        self._by_session: dict[str, str] = {}
        self._workspaces: dict[str, str] = {}
        self._dead: dict[str, None] = {}

    def report(self, report: WorkerReport, now: float) -> bool:
        """Take a worker's word for what it holds. False: this life counts as dead, and its word no more."""
        if report.life in self._dead:
            return False
        worker = self._workers.get(report.worker_id)
        if worker is not None and worker.report.life != report.life:
            self.forget(worker.report.life)
            worker = None
        if worker is None:
            worker = self._workers[report.worker_id] = _Worker(report, now)
        worker.report, worker.heard_at = report, now
        held = set(report.sessions)
        for gone in (*(worker.used - held), *report.ended):
            if gone not in held:
                worker.reserved.pop(gone, None)
                self._unmap(gone, worker)
        worker.used = held
        for session_id in held:
            if report.draining and self._by_session.get(session_id) != report.worker_id:
                continue  # another has been promised it
            self.release(session_id)  # here it is used now, and elsewhere it is not awaited any more
            self._by_session[session_id] = report.worker_id
        self._lapse(worker, now)
        return True

    def reserve(self, workspace: str, session_id: str, now: float) -> Place:
        """A place for a new session: with its workspace if there is room, else where there is most.

        Asking again for the same session gives the same place, as long as its worker is there: a call may
        be repeated. Raises CapacityError where no worker has room, WorkerUnavailableError where there is no
        worker.
        """
        alive = self._alive(now)
        holder = self._holder(session_id)
        if holder is not None and holder in alive:
            return holder.place()
        self.release(session_id)
        home = self._workers.get(self._workspaces.get(workspace, ""))
        if home is None or home not in alive or home.room() <= 0:
            home = _roomiest(alive)
        self._settle(workspace, home)
        return self._promise(session_id, home, now)

    def release(self, session_id: str) -> None:
        """Give a reservation back that came to nothing. Doing it twice is no harm."""
        worker = self._holder(session_id)
        if worker is not None and worker.reserved.pop(session_id, None) is not None:
            del self._by_session[session_id]

    def find(self, session_id: str) -> Place | None:
        """Where a session is, or is awaited; None if nobody knows it."""
        holder = self._holder(session_id)
        return holder.place() if holder is not None else None

    def locate(self, session_id: str, now: float) -> Place:
        """Where a session is; one that nobody reported gets a reserved place where there is most room.

        It may be in the journal only, and the worker says if it is not: ``release`` its place then. Raises
        what ``reserve`` raises.
        """
        holder = self._holder(session_id)
        if holder is not None:
            return holder.place()
        return self._promise(session_id, _roomiest(self._alive(now)), now)

    def whereis(self, life: str) -> Place | None:
        """Where the worker with this life accepts links; None if it is dead, or nobody has reported so."""
        worker = self._living(life)
        return worker.place() if worker is not None else None

    def is_heard(self, life: str, now: float) -> bool:
        """Whether the worker with this life has reported lately."""
        worker = self._living(life)
        return worker is not None and worker.is_heard(now)

    def relocate(self, session_ids: Iterable[str], lost: str, now: float) -> dict[str, Place]:
        """Where the sessions go whose link to the worker with the life ``lost`` broke.

        If that life is in the books they stay there, unless that worker is draining. If not, each gets a
        reserved place where there is most room, always the same one until it is used; those for which there
        is no room are left out. Raises WorkerUnavailableError where there is no worker.
        """
        living = self._living(lost)
        if living is not None and not living.report.draining:
            return {one: (self._holder(one) or living).place() for one in session_ids}
        alive = self._alive(now)
        places = {}
        for session_id in session_ids:
            home = self._holder(session_id)
            if home is None or home is living or (session_id in home.reserved and home not in alive):
                self.release(session_id)
                home = max(alive, key=_Worker.room)
                if home.room() <= 0:
                    continue
                self._promise(session_id, home, now)
            places[session_id] = home.place()
        return places

    def places(self) -> list[Place]:
        """All workers that have reported."""
        return [worker.place() for worker in self._workers.values()]

    def forget(self, life: str) -> None:
        """A worker is dead: its sessions are in the journal only, and what it still says does not count."""
        self._dead[life] = None
        if len(self._dead) > MAX_DEAD:
            del self._dead[next(iter(self._dead))]
        worker = self._living(life)
        if worker is None:
            return
        worker_id = worker.report.worker_id
        del self._workers[worker_id]
        for session_id in (*worker.used, *worker.reserved):
            self._unmap(session_id, worker)
        self._workspaces = {name: home for name, home in self._workspaces.items() if home != worker_id}

    def views(self, now: float) -> list[WorkerView]:
        """Every worker as the topology shows it, in the order of their ids."""
        return [
            WorkerView(
                worker_id,
                worker.report.pid,
                worker.report.node,
                worker.state(now),
                len(worker.used),
                len(worker.reserved),
                worker.report.capacity,
                worker.report.rss_bytes,
            )
            for worker_id, worker in sorted(self._workers.items())
        ]

    def _alive(self, now: float) -> list[_Worker]:
        """The workers that have reported lately, without what lapsed. Never empty."""
        alive = [worker for worker in self._workers.values() if worker.is_heard(now)]
        if not alive:
            raise errors.WorkerUnavailableError("no worker has reported yet", 2.0)
        for worker in alive:
            self._lapse(worker, now)
        return alive

    def _living(self, life: str) -> _Worker | None:
        return next((worker for worker in self._workers.values() if worker.report.life == life), None)

    def _holder(self, session_id: str) -> _Worker | None:
        return self._workers.get(self._by_session.get(session_id, ""))

    def _promise(self, session_id: str, home: _Worker, now: float) -> Place:
        home.reserved[session_id] = now + RESERVATION_TTL_S
        self._by_session[session_id] = home.report.worker_id
        return home.place()

    def _settle(self, workspace: str, home: _Worker) -> None:
        self._workspaces.pop(workspace, None)
        self._workspaces[workspace] = home.report.worker_id
        if len(self._workspaces) > MAX_WORKSPACES:
            del self._workspaces[next(iter(self._workspaces))]

    def _lapse(self, worker: _Worker, now: float) -> None:
        for session_id in [key for key, until in worker.reserved.items() if until <= now]:
            del worker.reserved[session_id]
            self._unmap(session_id, worker)

    def _unmap(self, session_id: str, worker: _Worker) -> None:
        """Forget where a session is, unless it is elsewhere by now."""
        if self._by_session.get(session_id) == worker.report.worker_id:
            del self._by_session[session_id]


def _roomiest(workers: list[_Worker]) -> _Worker:
    """The worker with most room. Raises CapacityError if that is none."""
    home = max(workers, key=_Worker.room)
    if home.room() <= 0:
        total = sum(worker.report.capacity for worker in workers)
        raise errors.CapacityError(f"all {total} places of {len(workers)} workers are taken", 5.0)
    return home
