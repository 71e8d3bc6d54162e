"""The books of capacity: workers, their room, and which session and workspace is where.

Plain state with the time handed in, so that it can be tested by simulation; ``shell.py`` makes an actor
of it. A place is *reserved* when a replica asks for it and *used* once the worker reports the session;
a reservation that no worker confirms lapses. What workers report is the truth: a session that a worker
no longer reports is gone, and so is one that began and ended between two reports.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from actors import errors

RESERVATION_TTL_S = 120.0
WORKER_SILENCE_S = 6.0
MAX_WORKSPACES = 100_000
"""Of how many workspaces it is remembered where they are; the one asked for longest ago goes first."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker says of itself, about once a second.

    ``sessions`` are those that it holds, ``ended`` those that ended since its last report.
    """

    worker_id: str
    host: str
    port: int
    pid: int
    node: str
    capacity: int
    rss_bytes: int
    sessions: list[str]
    ended: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session is, or is to be made."""

    worker_id: str
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
        return self.report.capacity - len(self.used) - len(self.reserved)

    def place(self) -> Place:
        return Place(self.report.worker_id, self.report.host, self.report.port)


class Ledger:
    """Admits sessions up to each worker's capacity and remembers where they are."""

    def __init__(self) -> None:
        self._workers: dict[str, _Worker] = {}
        self._by_session: dict[str, str] = {}
        self._workspaces: dict[str, str] = {}

    def report(self, report: WorkerReport, now: float) -> None:
        """Take a worker's word for what it holds."""
        worker = self._workers.get(report.worker_id)
        if worker is None or worker.report.pid != report.pid:
            self.forget(report.worker_id)
            worker = self._workers[report.worker_id] = _Worker(report, now)
        worker.report, worker.heard_at = report, now
        held = set(report.sessions)
        for gone in (*(worker.used - held), *report.ended):
            if gone not in held:
                worker.reserved.pop(gone, None)
                self._unmap(gone, worker)
        worker.used = held
        for session_id in held:
            worker.reserved.pop(session_id, None)
            self._by_session[session_id] = report.worker_id
        self._lapse(worker, now)

    def reserve(self, workspace: str, session_id: str, now: float) -> Place:
        """A place for a new session: with its workspace if there is room, else where there is most.

        Asking again for the same session gives the same place, as long as its worker is there: a call may
        be repeated. Raises CapacityError where no worker has room, WorkerUnavailableError where there is no
        worker.
        """
        alive = [worker for worker in self._workers.values() if now - worker.heard_at <= WORKER_SILENCE_S]
        if not alive:
            raise errors.WorkerUnavailableError("no worker has reported yet", 2.0)
        for worker in alive:
            self._lapse(worker, now)
        holder = self._workers.get(self._by_session.get(session_id, ""))
        if holder is not None and holder in alive:
            return holder.place()
        self.release(session_id)
        home = self._workers.get(self._workspaces.get(workspace, ""))
        if home is None or home not in alive or home.room() <= 0:
            home = max(alive, key=_Worker.room)
        if home.room() <= 0:
            total = sum(worker.report.capacity for worker in alive)
            raise errors.CapacityError(f"all {total} places of {len(alive)} workers are taken", 5.0)
        home.reserved[session_id] = now + RESERVATION_TTL_S
        self._by_session[session_id] = home.report.worker_id
        self._settle(workspace, home)
        return home.place()

    def release(self, session_id: str) -> None:
        """Give a reservation back that came to nothing. Doing it twice is no harm."""
        worker = self._workers.get(self._by_session.get(session_id, ""))
        if worker is not None and worker.reserved.pop(session_id, None) is not None:
            del self._by_session[session_id]

    def locate(self, session_id: str) -> Place:
        """Where a session is. Raises SessionNotFoundError."""
        worker = self._workers.get(self._by_session.get(session_id, ""))
        if worker is None:
            raise errors.SessionNotFoundError("no such session")
        return worker.place()

    def places(self) -> list[Place]:
        """All workers that have reported."""
        return [worker.place() for worker in self._workers.values()]

    def forget(self, worker_id: str) -> None:
        """A worker is gone, and its sessions with it."""
        worker = self._workers.pop(worker_id, None)
        if worker is None:
            return
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
                "alive" if now - worker.heard_at <= WORKER_SILENCE_S else "silent",
                len(worker.used),
                len(worker.reserved),
                worker.report.capacity,
                worker.report.rss_bytes,
            )
            for worker_id, worker in sorted(self._workers.items())
        ]

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
