"""Which workers of a pool are to be started and which are to go: a decision, without doing it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count

PREFIX = "worker-"


class MemberState(StrEnum):
    """How a worker of the pool fares."""

    STARTING = "starting"
    """Made, and not heard of yet: its process starts, or waits for a node."""
    ALIVE = "alive"
    SILENT = "silent"
    """Not heard of lately; Ray restarts it if it has ended."""
    DRAINING = "draining"
    """It gives its sessions away and comes back empty."""
    RETIRING = "retiring"
    """It gives its sessions away and does not come back."""


@dataclass(frozen=True, slots=True)
class Member:
    """A worker of the pool, and how many sessions it holds or is to hold."""

    worker_id: str
    state: MemberState
    sessions: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What brings a pool nearer to the number that is wanted: ids of workers."""

    start: list[str] = field(default_factory=list)
    retire: list[str] = field(default_factory=list)


def plan(members: Iterable[Member], wanted: int, per_worker: int) -> Plan:
    """What to do so that ``wanted`` workers stay.

    A worker that is drained already is never picked, and none goes as long as the others have no room for
    what it holds: then less is done than was wanted, and the next round looks again.
    """
    members = list(members)
    staying = [member for member in members if member.state is not MemberState.RETIRING]
    surplus = len(staying) - wanted
    if surplus <= 0:
        taken = {member.worker_id for member in members}
        return Plan(start=[worker_id for worker_id, _ in zip(_unused(taken), range(-surplus), strict=False)])
    room = sum(per_worker for member in staying if member.state is MemberState.ALIVE)
    room -= sum(member.sessions for member in members)
    retire: list[str] = []
    for member in sorted(filter(_may_go, staying), key=_dispensable)[:surplus]:
        # Its own places go with it; what it holds is counted among what needs one.
        room -= per_worker if member.state is MemberState.ALIVE else 0
        if room < 0:
            break
        retire.append(member.worker_id)
    return Plan(retire=retire)


def _may_go(member: Member) -> bool:
    # A silent one may be dead: its sessions are about to be brought back elsewhere, and it comes back empty.
    return member.state in (MemberState.STARTING, MemberState.ALIVE)


def _dispensable(member: Member) -> tuple[int, int, int]:
    """First those that hold least, and of those the one that was added last."""
    return (member.sessions, member.state is MemberState.ALIVE, -number_of(member.worker_id))


def number_of(worker_id: str) -> int:
    """The number in a worker's id."""
    return int(worker_id.removeprefix(PREFIX))


def _unused(taken: set[str]) -> Iterator[str]:
    """Ids that no worker bears, from the lowest number on."""
    return (worker_id for number in count() if (worker_id := f"{PREFIX}{number}") not in taken)
