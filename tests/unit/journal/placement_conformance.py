"""What every journal promises of placements."""

from __future__ import annotations

import asyncio

from unit.journal.conformance import Store

LONG_S = 60.0
SHORT_S = 0.02


class PlacementConformance:
    """Leases and fences."""

    async def test_a_free_workspace_is_granted(self, store: Store):
        granted = await store.journal.acquire("w", "worker-1", LONG_S)

        assert (granted.workspace, granted.worker, granted.fence) == ("w", "worker-1", 1)
        assert await store.journal.lookup("w") == granted
        assert await store.journal.lookup("v") is None

    async def test_a_live_lease_is_not_taken(self, store: Store):
        first = await store.journal.acquire("w", "worker-1", LONG_S)

        assert await store.journal.acquire("w", "worker-2", LONG_S) == first
        assert await store.journal.lookup("w") == first

    async def test_a_live_lease_of_our_own_is_prolonged_under_its_fence(self, store: Store):
        first = await store.journal.acquire("w", "worker-1", LONG_S)

        again = await store.journal.acquire("w", "worker-1", 2 * LONG_S)

        assert again.fence == first.fence
        assert again.expires_at >= first.expires_at + 1000 * LONG_S

    async def test_every_grant_after_an_end_has_a_higher_fence(self, store: Store):
        journal = store.journal
        first = await journal.acquire("w", "worker-1", SHORT_S)
        await store.pass_time(2 * SHORT_S)
        second = await journal.acquire("w", "worker-2", LONG_S)
        assert await journal.release(second)
        third = await journal.acquire("w", "worker-2", SHORT_S)
        await store.pass_time(2 * SHORT_S)
        fourth = await journal.acquire("w", "worker-2", LONG_S)

        assert [one.fence for one in (first, second, third, fourth)] == [1, 2, 3, 4]
        assert [one.worker for one in (first, second, third, fourth)] == ["worker-1", *["worker-2"] * 3]

    async def test_a_lease_is_renewed_late_as_long_as_nobody_took_it(self, store: Store):
        granted = await store.journal.acquire("w", "worker-1", SHORT_S)
        await store.pass_time(2 * SHORT_S)
        assert await store.journal.lookup("w") == granted

        (renewed,) = await store.journal.renew([granted], LONG_S)

        assert renewed.fence == granted.fence
        assert (await store.journal.acquire("w", "worker-2", LONG_S)).worker == "worker-1"

    async def test_a_renewal_returns_only_what_still_stands(self, store: Store):
        journal = store.journal
        lost, kept, given_back = [await journal.acquire(name, "worker-1", SHORT_S) for name in "abc"]
        await store.pass_time(2 * SHORT_S)
        await journal.acquire("a", "worker-2", LONG_S)
        await journal.release(given_back)

        renewed = await journal.renew([lost, kept, given_back], LONG_S)

        assert [one.workspace for one in renewed] == ["b"]
        assert await journal.lookup("b") == renewed[0]
        assert list(await journal.renew([], LONG_S)) == []

    async def test_only_the_placement_that_stands_is_released(self, store: Store):
        journal = store.journal
        first = await journal.acquire("w", "worker-1", SHORT_S)
        await store.pass_time(2 * SHORT_S)
        second = await journal.acquire("w", "worker-2", LONG_S)

        assert not await journal.release(first)
        assert await journal.lookup("w") == second
        assert await journal.release(second)
        assert not await journal.release(second)
        assert await journal.lookup("w") is None

    async def test_a_live_lease_of_a_worker_that_is_dead_is_seized_under_a_higher_fence(self, store: Store):
        journal = store.journal
        lost = await journal.acquire("w", "worker-1", LONG_S)

        seized = await journal.acquire("w", "worker-2", LONG_S, frozenset({"worker-0", "worker-1"}))

        assert (seized.worker, seized.fence) == ("worker-2", lost.fence + 1)
        assert await journal.lookup("w") == seized
        assert list(await journal.renew([lost], LONG_S)) == []
        assert await journal.held_by("worker-1") == []

    async def test_a_live_lease_is_seized_from_nobody_else(self, store: Store):
        first = await store.journal.acquire("w", "worker-1", LONG_S)

        standing = await store.journal.acquire("w", "worker-2", LONG_S, frozenset({"worker-0", "worker"}))

        assert standing == first
        free = await store.journal.acquire("v", "worker-2", LONG_S, frozenset({"worker-1"}))
        assert (free.worker, free.fence) == ("worker-2", 1)

    async def test_a_worker_gives_back_all_it_holds_at_once(self, store: Store):
        journal = store.journal
        for name in "abc":
            await journal.acquire(name, "worker-1", LONG_S)
        other = await journal.acquire("d", "worker-2", LONG_S)

        assert await journal.release_all("worker-1") == 3
        assert await journal.release_all("worker-1") == 0

        assert await journal.held_by("worker-1") == []
        assert await journal.lookup("d") == other
        again = await journal.acquire("a", "worker-2", LONG_S)
        assert (again.worker, again.fence) == ("worker-2", 2)

    async def test_a_worker_s_placements_are_listed_while_they_stand(self, store: Store):
        journal = store.journal
        a, _, c = [await journal.acquire(name, "worker-1", SHORT_S) for name in "abc"]
        await journal.release(a)
        await store.pass_time(2 * SHORT_S)
        taken = await journal.acquire("b", "worker-2", LONG_S)

        assert await journal.held_by("worker-1") == [c]
        assert await journal.held_by("worker-2") == [taken]
        assert await journal.held_by("worker-3") == []

    async def test_of_many_that_ask_at_once_one_is_granted(self, store: Store):
        asked = [store.journal.acquire("w", f"worker-{n}", LONG_S) for n in range(20)]

        granted = await asyncio.gather(*asked)

        assert len({(one.worker, one.fence) for one in granted}) == 1

    async def test_workspaces_with_odd_names_do_not_meet(self, store: Store):
        names = ["a}", "{a}", "a:placement", "a b/ü", "a%7D"]

        granted = [await store.journal.acquire(name, f"worker of {name}", LONG_S) for name in names]

        assert [one.worker for one in granted] == [f"worker of {name}" for name in names]
