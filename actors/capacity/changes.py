"""What changes among workers and sessions, told by comparing what workers report with what was known.

Plain state with the time handed in. It costs nothing when a session works; a report costs a comparison of two
sets of ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from actors.capacity.ledger import WorkerReport
from actors.capacity.roll import Owner
from actors.events.contract import LiveEvent, live_event, timestamp

HOLD_S: Final = 3.0
"""How long a session that left a worker is awaited at another before it counts as unloaded."""


@dataclass(frozen=True, slots=True)
class _Home:
    worker_id: str
    owner: Owner


class SessionChanges:
    """Tells ``session:opened``, ``session:moved`` and ``session:unloaded``, each to the session's owner.

    A session that moves may be reported by both workers for a moment, or by neither.
    """

    def __init__(self) -> None:
        self._held: dict[str, frozenset[str]] = {}
        self._homes: dict[str, _Home] = {}
        self._left_at: dict[str, float] = {}

    def report(self, worker_id: str, sessions: Mapping[str, Owner], now: float, at: int) -> list[LiveEvent]:
        """What a worker holds now. ``now`` in seconds, ``at`` in epoch milliseconds.

        What it holds at its first report may have been told by whoever watched before us.
        """
        before = self._held.get(worker_id)
        held = self._held[worker_id] = frozenset(sessions)
        if before is not None:
            self._leave(before - held, worker_id, now)
        stamp = timestamp(at)
        told = []
        for session_id in sorted(held - (before or frozenset())):
            home = _Home(worker_id, sessions[session_id])
            known = self._homes.get(session_id)
            self._homes[session_id] = home
            self._left_at.pop(session_id, None)
            if known is None and before is not None:
                told.append(_of_session("session:opened", session_id, home, at, stamp))
            elif known is not None and known.worker_id != worker_id:
                told.append(_of_session("session:moved", session_id, home, at, stamp, known.worker_id))
        return told

    def settle(self, workers: Collection[str], now: float, at: int) -> list[LiveEvent]:
        """What was unloaded, now that these are the workers that there are."""
        for gone in self._held.keys() - set(workers):
            self._leave(self._held.pop(gone), gone, now)
        over = [session_id for session_id, left_at in self._left_at.items() if now - left_at >= HOLD_S]
        stamp = timestamp(at)
        told = []
        for session_id in over:
            del self._left_at[session_id]
            left = self._homes.pop(session_id)
            holder = next((worker for worker, held in self._held.items() if session_id in held), None)
            if holder is None:
                told.append(_of_session("session:unloaded", session_id, left, at, stamp))
            else:  # it was reported by both, and the later one has let it go
                home = self._homes[session_id] = _Home(holder, left.owner)
                told.append(_of_session("session:moved", session_id, home, at, stamp, left.worker_id))
        return told

    def _leave(self, session_ids: Iterable[str], worker_id: str, now: float) -> None:
        for session_id in session_ids:
            if self._homes[session_id].worker_id == worker_id:
                self._left_at[session_id] = now


class WorkerChanges:
    """Tells ``worker:joined``, ``worker:draining``, ``worker:left`` and ``worker:lost``, to the operators."""

    def __init__(self, operators: str) -> None:
        self._operators = operators
        self._known: dict[str, WorkerReport] = {}
        self._joined: dict[str, tuple[str, int]] = {}
        """Of each worker its life, and how often that has joined: one that was not heard may come back."""

    def report(self, report: WorkerReport, at: int) -> list[LiveEvent]:
        """A worker has reported."""
        before = self._known.get(report.worker_id)
        self._known[report.worker_id] = report
        told = []
        if before is not None and before.life != report.life:
            told.append(self._gone(before, at))
            before = None
        if before is None:
            life, times = self._joined.get(report.worker_id, ("", 0))
            self._joined[report.worker_id] = report.life, times + 1 if life == report.life else 1
            told.append(self._of(report, "worker:joined", at))
        if report.draining and (before is None or not before.draining):
            told.append(self._of(report, "worker:draining", at))
        return told

    def settle(self, heard: Iterable[str], at: int) -> list[LiveEvent]:
        """Who is gone, now that only these have been heard of lately."""
        gone = self._known.keys() - set(heard)
        return [self._gone(self._known.pop(worker_id), at) for worker_id in sorted(gone)]

    def _gone(self, report: WorkerReport, at: int) -> LiveEvent:
        return self._of(report, "worker:left" if report.draining else "worker:lost", at)

    def _of(self, report: WorkerReport, name: str, at: int) -> LiveEvent:
        data = {
            "workerId": report.worker_id,
            "node": report.node,
            "pid": report.pid,
            "capacity": report.capacity,
            "sessions": len(report.sessions),
            "timestamp": timestamp(at),
        }
        # Whoever tells this again after a restart of the capacity actor does so under the same id.
        _, times = self._joined[report.worker_id]
        return live_event(name, self._operators, data, at, f"{name}:{report.life}:{times}")


def _of_session(
    name: str, session_id: str, home: _Home, at: int, stamp: str, from_worker: str = ""
) -> LiveEvent:
    data = {"sessionId": session_id, "workspaceId": home.owner.workspace, "workerId": home.worker_id}
    if from_worker:
        data["fromWorkerId"] = from_worker
    return live_event(name, home.owner.installation, {**data, "timestamp": stamp}, at)
