"""The books of capacity: workers, their room, and which session and workspace is where.

Plain state with the time handed in, so that it can be tested by simulation; ``shell.py`` makes an actor
of it. A place is *reserved* when a replica asks for it and *used* once the worker reports the session;
a reservation that no worker confirms lapses. A workspace stays with its worker while that lives: another
could not open a session of it, as it has no lease. What workers report is the truth: a session that a worker
no longer reports is not there any more, and neither is one that began and ended between two reports. It may
still be in the journal: so whoever looks for it gets a place where it can be opened again.

A *life* is one life of a worker's process. Once it counts as dead it never comes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from actors import errors
from actors.capacity.rendezvous import Candidate, choose
from actors.capacity.roll import Owner, Roll

RESERVATION_TTL_S = 30.0
"""In what time a worker has to report a session; it does so as soon as it is asked for it."""
WORKER_SILENCE_S = 6.0
RETRY_S = 5.0
"""After how many seconds a repeat makes sense for who found no place."""
MAX_DEAD = 1000
"""How many dead lives are remembered; the one that died first goes first."""
MAX_WORKSPACES = 100_000
"""Of how many workspaces it is remembered where they are; the one asked for longest ago goes first."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker says of itself, about once a second.

    ``life`` names this life of its process; a worker that starts anew has another one. ``sessions`` are those
    that it holds, each with its owner, ``ended`` those that ended since its last report. ``draining``: it
    gives its sessions away and takes no more.
    """

    worker_id: str
    life: str
    host: str
    port: int
    pid: int
    node: str
    capacity: int
    rss_bytes: int
    sessions: dict[str, Owner]
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
    place: Place
    heard_at: float
    used: set[str] = field(default_factory=set)
    reserved: dict[str, float] = field(default_factory=dict)
    """Until when each is reserved, the one that lapses first first."""

    def room(self) -> int:
        if self.report.draining:
            return 0
        return self.report.capacity - self.load()

    def load(self) -> int:
        return len(self.used) + len(self.reserved)

    def is_heard(self, now: float) -> bool:
        return now - self.heard_at <= WORKER_SILENCE_S

    def state(self, now: float) -> str:
        if not self.is_heard(now):
            return "silent"
        return "draining" if self.report.draining else "alive"


class Ledger:
    """Admits sessions up to each worker's capacity and remembers where they are."""

    def __init__(self) -> None:
        self._workers: dict[str, _Worker] = {}
        self.roll = Roll()
        self._workspaces: dict[Owner, str] = {}
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
            place = Place(report.worker_id, report.life, report.host, report.port)
            worker = self._workers[report.worker_id] = _Worker(report, place, now)
        worker.report, worker.heard_at = report, now
        held = set(report.sessions)
        for gone in (*(worker.used - held), *report.ended):
            if gone not in held:
                worker.reserved.pop(gone, None)
                self._unmap(gone, worker)
        worker.used = held
        for session_id, owner in report.sessions.items():
            if report.draining and self.roll.worker_of(session_id) != report.worker_id:
                continue  # another has been promised it
            self.release(session_id)  # here it is used now, and elsewhere it is not awaited any more
            self.roll.put(session_id, report.worker_id, owner)
            if not report.draining and self._workspaces.get(owner) != report.worker_id:
                self._settle(owner, worker)
        self._lapse(worker, now)
        return True

    def reserve(self, owner: Owner, session_id: str, now: float, beside: str = "") -> Place:
        """A place for a new session: where ``beside`` is or else its workspace, or where that is to be.

        Asking again for the same session gives the same place, as long as its worker is there: a call may
        be repeated. Raises CapacityError where there is no room, WorkerUnavailableError where there is no
        worker.
        """
        alive = self._alive(now)
        holder = self._holder(session_id)
        if holder is not None and holder in alive:
            return holder.place
        self.release(session_id)
        home = self._workers.get(self.roll.worker_of(beside)) or self._home(owner, alive)
        if home not in alive or home.room() <= 0:
            raise errors.CapacityError("the worker that holds the session has no room", RETRY_S)
        self._settle(owner, home)
        return self._promise(session_id, owner, home, now)

    def home_of(self, owner: Owner, now: float) -> Place:
        """Where a workspace is, or where its next session would go; it stays there from now on.

        Raises WorkerUnavailableError where there is no worker.
        """
        alive = self._alive(now)
        try:
            home = self._home(owner, alive)
        except errors.CapacityError:  # a command needs no room
            home = self._workers.get(self._workspaces.get(owner, "")) or max(alive, key=_Worker.room)
        self._settle(owner, home)
        return home.place

    def room(self, now: float) -> int:
        """How many places are free at workers that were heard lately. Raises WorkerUnavailableError."""
        return sum(max(0, worker.room()) for worker in self._alive(now))

    def release(self, session_id: str) -> None:
        """Give a reservation back that came to nothing. Doing it twice is no harm."""
        worker = self._holder(session_id)
        if worker is not None and worker.reserved.pop(session_id, None) is not None:
            self.roll.drop(session_id)

    def find(self, session_id: str) -> Place | None:
        """Where a session is, or is awaited; None if nobody knows it."""
        holder = self._holder(session_id)
        return holder.place if holder is not None else None

    def locate(self, session_id: str, now: float) -> Place:
        """Where a session is; one that nobody reported gets a reserved place.

        That is with its workspace if that is known, else where there is most room.

        It may be in the journal only, and the worker says if it is not: ``release`` its place then. Raises
        what ``reserve`` raises.
        """
        holder = self._holder(session_id)
        if holder is not None:
            return holder.place
        return self._bring_back(session_id, self._alive(now), now)

    def whereis(self, life: str) -> Place | None:
        """Where the worker with this life accepts links; None if it is dead, or nobody has reported so."""
        worker = self._living(life)
        return worker.place if worker is not None else None

    def is_heard(self, life: str, now: float) -> bool:
        """Whether the worker with this life has reported lately."""
        worker = self._living(life)
        return worker is not None and worker.is_heard(now)

    def relocate(self, session_ids: Iterable[str], lost: str, now: float) -> dict[str, Place]:
        """Where the sessions go whose link to the worker with the life ``lost`` broke.

        If that life is in the books they stay there, unless that worker is draining. If not, each gets a
        reserved place as ``locate`` gives it, always the same one until it is used; those for which there is
        no room are left out. Raises WorkerUnavailableError where there is no worker.
        """
        living = self._living(lost)
        if living is not None and not living.report.draining:
            return {one: (self._holder(one) or living).place for one in session_ids}
        alive = self._alive(now)
        places = {}
        for session_id in session_ids:
            home = self._holder(session_id)
            if home is None or home is living or (session_id in home.reserved and home not in alive):
                self.release(session_id)
                try:
                    places[session_id] = self._bring_back(session_id, alive, now)
                except errors.CapacityError:
                    continue
            else:
                places[session_id] = home.place
        return places

    def places(self) -> list[Place]:
        """All workers that have reported."""
        return [worker.place for worker in self._workers.values()]

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

    def dismiss(self, worker_id: str) -> None:
        """A worker was ended for good, so it is not waited for."""
        worker = self._workers.get(worker_id)
        if worker is not None:
            self.forget(worker.report.life)

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
        return self._workers.get(self.roll.worker_of(session_id))

    def _home(self, owner: Owner, alive: list[_Worker]) -> _Worker:
        """Where a new session of a workspace goes. Raises CapacityError."""
        home = self._workers.get(self._workspaces.get(owner, ""))
        if home is not None and home in alive and not home.report.draining:
            if home.room() > 0:
                return home
            if self.roll.of_workspace(owner):
                raise errors.CapacityError("the worker that holds the workspace is full", RETRY_S)
        able = [worker for worker in alive if not worker.report.draining]
        candidates = [Candidate(one.report.worker_id, one.load(), one.report.capacity) for one in able]
        chosen = choose(f"{owner.installation}/{owner.workspace}", candidates)
        return self._workers[chosen] if chosen is not None else _roomiest(alive)

    def _bring_back(self, session_id: str, alive: list[_Worker], now: float) -> Place:
        """A place for a session that the journal has. Raises CapacityError."""
        owner = self.roll.owner_of(session_id)
        home = self._home(owner, alive) if owner.workspace else _roomiest(alive)
        self._settle(owner, home)
        return self._promise(session_id, owner, home, now)

    def _promise(self, session_id: str, owner: Owner, home: _Worker, now: float) -> Place:
        home.reserved[session_id] = now + RESERVATION_TTL_S
        self.roll.put(session_id, home.report.worker_id, owner)
        return home.place

    def _settle(self, owner: Owner, home: _Worker) -> None:
        if not owner.workspace:
            return
        self._workspaces.pop(owner, None)
        self._workspaces[owner] = home.report.worker_id
        if len(self._workspaces) > MAX_WORKSPACES:
            del self._workspaces[next(iter(self._workspaces))]

    def _lapse(self, worker: _Worker, now: float) -> None:
        while worker.reserved and next(iter(worker.reserved.values())) <= now:
            session_id = next(iter(worker.reserved))
            del worker.reserved[session_id]
            self._unmap(session_id, worker)

    def _unmap(self, session_id: str, worker: _Worker) -> None:
        """Forget where a session is, unless it is elsewhere by now."""
        if self.roll.worker_of(session_id) == worker.report.worker_id:
            self.roll.drop(session_id)


def _roomiest(workers: list[_Worker]) -> _Worker:
    """The worker with most room. Raises CapacityError if that is none."""
    home = max(workers, key=_Worker.room)
    if home.room() <= 0:
        total = sum(worker.report.capacity for worker in workers)
        raise errors.CapacityError(f"all {total} places of {len(workers)} workers are taken", RETRY_S)
    return home
