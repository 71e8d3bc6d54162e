"""The leases of a worker: taken, kept, seized from the dead, given back, and never lost in silence."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from actors.errors import JournalUnavailableError
from actors.journal import Placement
from actors.journal.memory import MemoryJournal
from actors.placement.leases import LEASE_S, RENEW_EVERY_S, HeldElsewhereError, Lease, Leases

WORKSPACE = "inst/ws_1"


class Store(MemoryJournal):
    """A store with the loop's clock, which may be away."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(lambda: round(loop.time() * 1000))
        self.is_down = False
        self.renewals = 0

    async def renew(self, held: Sequence[Placement], lease_s: float) -> Sequence[Placement]:
        self.renewals += 1
        self._check()
        return await super().renew(held, lease_s)

    async def release(self, placement: Placement) -> bool:
        self._check()
        return await super().release(placement)

    async def acquire(
        self, workspace: str, worker: str, lease_s: float, seize_from: frozenset[str] = frozenset()
    ) -> Placement:
        self._check()
        return await super().acquire(workspace, worker, lease_s, seize_from)

    def _check(self) -> None:
        if self.is_down:
            raise JournalUnavailableError("away")


class World:
    """One store and the workers on it."""

    def __init__(self) -> None:
        self.store = Store()
        self.lost: list[str] = []
        self.dead: set[str] = set()
        self._keeping: list[asyncio.Task[None]] = []

    def worker(self, life: str) -> Leases:
        leases = Leases(self.store, life, self.dead.__contains__)
        self._keeping.append(asyncio.get_running_loop().create_task(leases.keep()))
        return leases

    async def take(self, leases: Leases, workspace: str = WORKSPACE, dead: str = "") -> Lease:
        return await leases.acquire(workspace, lambda: self.lost.append(f"{leases.life}:{workspace}"), dead)

    async def holder(self, workspace: str = WORKSPACE) -> str | None:
        placement = await self.store.lookup(workspace)
        return None if placement is None else placement.worker

    async def end(self) -> None:
        for task in self._keeping:
            task.cancel()
        await asyncio.wait(self._keeping)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.end()


async def test_a_free_workspace_is_taken(world: World):
    lease = await world.take(world.worker("one"))

    assert (lease.workspace, lease.fence) == (WORKSPACE, 1)
    assert await world.holder() == "one"


async def test_a_workspace_of_another_is_not_taken_and_it_is_said_whose_it_is(world: World):
    one, two = world.worker("one"), world.worker("two")
    await world.take(one)
    with pytest.raises(HeldElsewhereError) as caught:
        await world.take(two)

    assert caught.value.life == "one"
    assert await world.holder() == "one"


async def test_a_lease_is_kept_for_as_long_as_its_worker_lives(world: World):
    one, two = world.worker("one"), world.worker("two")
    lease = await world.take(one)
    await asyncio.sleep(10 * LEASE_S)
    with pytest.raises(HeldElsewhereError):
        await world.take(two)

    assert world.lost == []
    assert lease.fence == 1


async def test_a_lease_that_nobody_prolongs_runs_out(world: World):
    await world.store.acquire(WORKSPACE, "one", LEASE_S)
    two = world.worker("two")
    await asyncio.sleep(LEASE_S + 0.1)

    assert (await world.take(two)).fence == 2


@pytest.mark.parametrize("how", ["told", "known"])
async def test_the_workspace_of_a_dead_life_is_seized_at_once_under_a_higher_fence(world: World, how: str):
    one, two = world.worker("one"), world.worker("two")
    first = await world.take(one)
    if how == "known":
        world.dead.add("one")
    second = await world.take(two, dead="one" if how == "told" else "")

    assert second.fence > first.fence
    assert await world.holder() == "two"


async def test_whoever_is_told_that_it_is_dead_itself_keeps_what_it_has(world: World):
    one = world.worker("one")
    first = await world.take(one)

    assert (await world.take(one, dead="one")).fence == first.fence


async def test_nothing_is_seized_from_another_than_the_dead(world: World):
    await world.take(world.worker("one"))
    world.dead.add("three")
    with pytest.raises(HeldElsewhereError) as caught:
        await world.take(world.worker("two"), dead="three")

    assert caught.value.life == "one"


async def test_a_workspace_that_changes_hands_while_it_is_seized_stays_with_its_new_holder(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    await world.take(world.worker("one"))
    two = world.worker("two")
    acquire = Store.acquire

    async def overtaken(store: Store, *given: object) -> Placement:
        if len(given) == 4:
            await acquire(store, WORKSPACE, "three", LEASE_S, frozenset({"one"}))
        return await acquire(store, *given)  # type: ignore[arg-type] # passed on as it came

    monkeypatch.setattr(Store, "acquire", overtaken)
    with pytest.raises(HeldElsewhereError) as caught:
        await world.take(two, dead="one")

    assert caught.value.life == "three"


async def test_a_lease_that_was_seized_is_noticed_at_the_next_renewal_and_told_once(world: World):
    one, two = world.worker("one"), world.worker("two")
    await world.take(one)
    await world.take(one, "inst/ws_2")
    await world.take(two, dead="one")
    assert world.lost == []
    await asyncio.sleep(3 * RENEW_EVERY_S)

    assert world.lost == [f"one:{WORKSPACE}"], "the other one is still there"
    assert await world.holder("inst/ws_2") == "one"


async def test_a_refused_write_tells_of_a_lost_lease_at_once_and_once(world: World):
    one, two = world.worker("one"), world.worker("two")
    lease = await world.take(one)
    await world.take(two, dead="one")
    lease.refused()
    lease.refused()
    await asyncio.sleep(3 * RENEW_EVERY_S)

    assert world.lost == [f"one:{WORKSPACE}"]


async def test_what_is_said_of_an_older_lease_does_not_end_a_newer_one(world: World):
    one = world.worker("one")
    old = await world.take(one)
    await one.release(old)
    new = await world.take(one)
    old.refused()
    await one.release(old)

    assert new.fence > old.fence
    assert world.lost == []
    assert await world.holder() == "one"
    new.refused()
    assert world.lost == [f"one:{WORKSPACE}"]


async def test_a_workspace_that_is_given_back_is_free_at_once(world: World):
    one, two = world.worker("one"), world.worker("two")
    lease = await world.take(one)
    await one.release(lease)
    assert await world.holder() is None

    assert (await world.take(two)).fence > lease.fence
    assert world.lost == []


async def test_giving_back_what_was_lost_takes_it_from_nobody(world: World):
    one, two = world.worker("one"), world.worker("two")
    lease = await world.take(one)
    await world.take(two, dead="one")
    await one.release(lease)

    assert await world.holder() == "two"
    assert world.lost == [], "who gives it back need not be told"


async def test_a_store_that_is_away_takes_nothing_from_anyone(world: World):
    one = world.worker("one")
    await world.take(one)
    world.store.is_down = True
    await asyncio.sleep(2 * LEASE_S)
    assert world.lost == []
    world.store.is_down = False
    await asyncio.sleep(RENEW_EVERY_S + 0.1)

    with pytest.raises(HeldElsewhereError):
        await world.take(world.worker("two"))
    assert world.lost == []


async def test_a_workspace_that_cannot_be_given_back_runs_out_by_itself(world: World):
    one, two = world.worker("one"), world.worker("two")
    lease = await world.take(one)
    world.store.is_down = True
    await one.release(lease)
    world.store.is_down = False
    await asyncio.sleep(LEASE_S + 0.1)

    assert (await world.take(two)).fence > lease.fence


async def test_a_store_that_is_away_is_said_to_whoever_wants_a_workspace(world: World):
    world.store.is_down = True

    with pytest.raises(JournalUnavailableError):
        await world.take(world.worker("one"))


async def test_a_worker_that_holds_nothing_does_not_bother_the_store(world: World):
    one = world.worker("one")
    await one.release(await world.take(one))
    await asyncio.sleep(10 * RENEW_EVERY_S)

    assert world.store.renewals == 0
