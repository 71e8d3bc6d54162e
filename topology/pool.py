"""The worker pool: as many workers as are wanted, and none goes before others have its sessions.

Knows no Ray; ``pool_shell.py`` makes an actor of it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from actors import errors
from actors.capacity.ledger import WorkerView
from serve.reporting.pool import MemberView, PoolView
from topology.membership import Member, MemberState, plan
from topology.scaling import CALM_WINDOW_S, Load, ScalingLimits, WorkerScaling

log = logging.getLogger("lumilink.pool")

RETIRE_LIMIT_S: Final = 600.0
"""How long a worker that is to go waits for the ends of turns; after it they are interrupted."""


class PoolState(msgspec.Struct, frozen=True):
    """What the pool must not forget: how many workers the operator wants, and which are on their way out."""

    workers: int
    retiring: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is to see: the workers by their ids, what capacity knows of them, and who waits for room."""

    names: list[str]
    views: dict[str, WorkerView]
    waiting: int

    def members(self, retiring: tuple[str, ...]) -> list[Member]:
        """All workers, and how they fare."""
        return [self._member(name, retiring) for name in self.names]

    def _member(self, name: str, retiring: tuple[str, ...]) -> Member:
        view = self.views.get(name)
        if name in retiring:
            state = MemberState.RETIRING
        else:
            state = MemberState(view.state) if view is not None else MemberState.STARTING
        return Member(name, state, view.sessions + view.reserved if view is not None else 0)


class Crew(Protocol):
    """What can be done to the workers. Each raises a LumiLinkError where it cannot be done now."""

    async def look(self) -> Surroundings:
        """What there is now."""

    async def start(self, worker_id: str) -> None:
        """Make a worker; one that is there already is left alone."""

    async def retire(self, worker_id: str, deadline_s: float) -> bool:
        """Let a worker give its sessions away, for good; whether it has. To be called until it has."""

    async def end(self, worker_id: str) -> None:
        """End a worker's process for good. One that has ended already is no harm."""

    async def save(self, state: PoolState) -> None:
        """Keep the state where the pool's next life finds it."""


class Pool:
    """Looks at the workers once a round, and does what brings them nearer to what is wanted."""

    def __init__(
        self,
        crew: Crew,
        state: PoolState,
        *,
        max_workers: int,
        per_worker: int,
        calm_s: float = CALM_WINDOW_S,
        present: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._crew = crew
        self._state = state
        self._max_workers = max_workers
        self._per_worker = per_worker
        self._clock = clock
        self._scaling = WorkerScaling(max(present, state.workers), clock(), calm_s)
        self._desired = state.workers
        self._members: list[Member] = []

    def view(self) -> PoolView:
        """The pool as it was found in the last round."""
        members = [MemberView(one.worker_id, one.state.value, one.sessions) for one in self._members]
        return PoolView(self._state.workers, self._limits.maximum, self._desired, members)

    async def scale(self, workers: int) -> None:
        """Have ``workers`` workers at least. The next rounds do it."""
        await self._remember(PoolState(workers, self._state.retiring))
        log.info("%d workers are wanted", workers)

    async def round(self) -> None:
        """Look, and do the next step. Raises LumiLinkError if something could not be done now."""
        around = await self._crew.look()
        self._members = around.members(self._state.retiring)
        sessions = sum(member.sessions for member in self._members)
        load = Load(sessions, around.waiting, self._per_worker)
        before = self._desired
        self._desired = self._scaling.desired(load, self._limits, self._clock())
        if self._desired != before:
            log.info("%d workers for %d sessions and %d that wait", self._desired, sessions, around.waiting)
        todo = plan(self._members, self._desired, self._per_worker)
        for worker_id in todo.start:
            log.info("starting %s", worker_id)
            await self._crew.start(worker_id)
        gone = {worker_id for worker_id in self._state.retiring if worker_id not in around.names}
        await self._set_retiring(gone, todo.retire)
        for worker_id in self._state.retiring:
            await self._go_on_retiring(worker_id, around.views.get(worker_id))

    async def _set_retiring(self, gone: set[str], more: list[str]) -> None:
        if gone or more:
            log.info("retiring %s, gone %s", more, sorted(gone))
            left = [worker_id for worker_id in self._state.retiring if worker_id not in gone]
            await self._remember(PoolState(self._state.workers, (*left, *more)))

    async def _go_on_retiring(self, worker_id: str, view: WorkerView | None) -> None:
        # Who was never heard of holds nothing, and who is not heard of any more holds nothing either: what it
        # had is brought back elsewhere, from the journal.
        is_mute = view is None or view.state == MemberState.SILENT
        try:
            if is_mute or await self._crew.retire(worker_id, RETIRE_LIMIT_S):
                await self._crew.end(worker_id)
        except errors.LumiLinkError as error:
            log.warning("%s is asked again in the next round: %s", worker_id, error)

    async def _remember(self, state: PoolState) -> None:
        # Kept before it is acted upon: a pool that dies in between goes on with it.
        await self._crew.save(state)
        self._state = state

    @property
    def _limits(self) -> ScalingLimits:
        return ScalingLimits(self._state.workers, max(self._state.workers, self._max_workers))
