"""A turnstile: a few at a time, in order, and nobody waits for one that hangs."""

from __future__ import annotations

import asyncio

import pytest

from actors.kernel.turnstile import Turnstile


async def test_as_many_as_it_is_wide_are_within_and_the_others_follow_in_order() -> None:
    turnstile, within, order = Turnstile(2, 60.0), 0, []
    most = 0

    async def go(number: int) -> None:
        nonlocal within, most
        async with turnstile.passing():
            within += 1
            most = max(most, within)
            await asyncio.sleep(0)
            order.append(number)
            within -= 1

    await asyncio.gather(*(go(number) for number in range(7)))

    assert most == 2
    assert order == list(range(7))


async def test_one_that_hangs_keeps_nobody_waiting_and_leaves_only_once() -> None:
    turnstile, hangs = Turnstile(1, 0.01), asyncio.Event()

    async def hang() -> None:
        async with turnstile.passing():
            await hangs.wait()

    hanging = asyncio.create_task(hang())
    await asyncio.sleep(0)
    async with asyncio.timeout(5), turnstile.passing():
        hangs.set()
        await hanging

    # The one that hung has left twice, by its time and by its end: that made one place, not two.
    assert turnstile._free._value == 1


async def test_a_place_is_given_back_by_one_that_fails() -> None:
    turnstile = Turnstile(1, 60.0)
    with pytest.raises(ValueError, match="no"):
        async with turnstile.passing():
            raise ValueError("no")
    async with asyncio.timeout(5), turnstile.passing():
        pass


async def test_who_gives_up_waiting_takes_no_place() -> None:
    turnstile = Turnstile(1, 60.0)
    async with turnstile.passing():
        waiting = asyncio.create_task(turnstile.passing().__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with asyncio.timeout(5), turnstile.passing():
        pass
