from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from actors.capacity.ledger import WorkerView
from actors.errors import WorkerUnavailableError
from topology.pool import Pool, PoolState, Surroundings

PLACES = 100


def view(worker_id: str, sessions: int = 0, state: str = "alive") -> WorkerView:
    return WorkerView(worker_id, 1, "127.0.0.1", state, sessions, 0, PLACES, 0)


@dataclass
class FakeCrew:
    """Workers that are there as soon as they are started, and that empty when told to."""

    views: dict[str, WorkerView] = field(default_factory=dict)
    waiting: int = 0
    empty: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    saved: list[PoolState] = field(default_factory=list)
    away: bool = False

    async def look(self) -> Surroundings:
        return Surroundings(sorted(self.views), dict(self.views), self.waiting)

    async def start(self, worker_id: str) -> None:
        self.views[worker_id] = view(worker_id)

    async def retire(self, worker_id: str, deadline_s: float) -> bool:
        assert deadline_s > 0
        self.asked.append(worker_id)
        if self.away:
            raise WorkerUnavailableError("does not answer")
        return worker_id in self.empty

    async def end(self, worker_id: str) -> None:
        self.ended.append(worker_id)
        del self.views[worker_id]

    async def save(self, state: PoolState) -> None:
        self.saved.append(state)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def pool_of(crew: FakeCrew, state: PoolState, *, max_workers: int = 0, clock: Clock | None = None) -> Pool:
    return Pool(
        crew,
        state,
        max_workers=max_workers,
        per_worker=PLACES,
        present=len(crew.views) - len(state.retiring),
        clock=clock or Clock(),
    )


def crew_of(*workers: WorkerView) -> FakeCrew:
    return FakeCrew({one.worker_id: one for one in workers})


async def rounds(pool: Pool, clock: Clock, seconds: int) -> None:
    for _ in range(seconds):
        clock.now += 1.0
        await pool.round()


async def test_a_worker_that_is_missing_is_started() -> None:
    crew = crew_of(view("worker-0"))
    await pool_of(crew, PoolState(2)).round()

    assert sorted(crew.views) == ["worker-0", "worker-1"]


async def test_load_brings_workers_up_to_the_most_that_there_may_be() -> None:
    crew, clock = crew_of(view("worker-0", 90)), Clock()
    crew.waiting = 400
    pool = pool_of(crew, PoolState(1), max_workers=3, clock=clock)
    await rounds(pool, clock, 2)

    assert (len(crew.views), pool.view().desired) == (3, 3)


async def test_without_a_maximum_load_brings_nothing() -> None:
    crew, clock = crew_of(view("worker-0", 100)), Clock()
    crew.waiting = 400
    await rounds(pool_of(crew, PoolState(1), clock=clock), clock, 2)

    assert list(crew.views) == ["worker-0"]


async def test_a_worker_ends_only_when_it_has_given_all_its_sessions_away() -> None:
    crew, clock = crew_of(view("worker-0"), view("worker-1", 5)), Clock()
    pool = pool_of(crew, PoolState(2), clock=clock)
    await pool.scale(1)
    crew.views["worker-0"] = view("worker-0", 9)
    await rounds(pool, clock, 2)

    assert crew.asked[:2] == ["worker-1", "worker-1"]
    assert crew.ended == []

    crew.empty.add("worker-1")
    await rounds(pool, clock, 2)

    assert crew.ended == ["worker-1"]
    assert crew.saved[-1] == PoolState(1, ())


async def test_who_goes_is_written_down_before_anything_is_done_about_it() -> None:
    crew, clock = crew_of(view("worker-0", 1), view("worker-1")), Clock()
    pool = pool_of(crew, PoolState(2), clock=clock)
    await pool.scale(1)
    crew.away = True
    await rounds(pool, clock, 2)

    assert crew.asked == ["worker-1", "worker-1"]
    assert (crew.saved[-1], crew.ended) == (PoolState(1, ("worker-1",)), [])


async def test_a_pool_that_is_made_anew_goes_on_with_those_that_were_going() -> None:
    crew = crew_of(view("worker-0", 90), view("worker-1"))
    crew.empty.add("worker-1")
    pool = pool_of(crew, PoolState(1, ("worker-1",)))
    await pool.round()

    assert crew.ended == ["worker-1"]
    assert sorted(crew.views) == ["worker-0"]


@pytest.mark.parametrize("state", ["silent", None])
async def test_one_that_is_going_and_is_not_heard_of_is_ended_without_being_asked(state: str | None) -> None:
    crew = crew_of(view("worker-0"), view("worker-1", 3, state or "alive"))
    pool = pool_of(crew, PoolState(1, ("worker-1",)))
    if state is None:
        look = crew.look

        async def without_its_report() -> Surroundings:
            around = await look()
            return Surroundings(around.names, {"worker-0": around.views["worker-0"]}, 0)

        crew.look = without_its_report  # type: ignore[method-assign] # as Ray shows one that waits for a node
    await pool.round()

    assert (crew.asked, crew.ended) == ([], ["worker-1"])


async def test_load_that_comes_back_starts_another_worker_than_the_one_that_goes() -> None:
    crew, clock = crew_of(view("worker-0", 90), view("worker-1", 5)), Clock()
    pool = pool_of(crew, PoolState(1, ("worker-1",)), max_workers=3, clock=clock)
    await rounds(pool, clock, 2)

    assert sorted(crew.views) == ["worker-0", "worker-1", "worker-2"]
    states = {one.worker_id: one.state for one in pool.view().members}
    assert (states["worker-1"], states["worker-2"]) == ("retiring", "alive")


async def test_more_workers_than_the_maximum_are_there_if_the_operator_wants_them() -> None:
    crew, clock = crew_of(view("worker-0")), Clock()
    pool = pool_of(crew, PoolState(1), max_workers=2, clock=clock)
    await pool.scale(4)
    await rounds(pool, clock, 1)

    assert len(crew.views) == 4
    assert (pool.view().workers, pool.view().max_workers) == (4, 4)
