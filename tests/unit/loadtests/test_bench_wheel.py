"""The timer wheel."""

from __future__ import annotations

import random

from loadtests.wheel import TimerWheel


def test_items_come_out_at_their_tick_and_not_before() -> None:
    wheel: TimerWheel[str] = TimerWheel(100)
    wheel.add("a", 105)
    assert list(wheel.advance(104)) == []
    assert list(wheel.advance(105)) == ["a"]
    assert len(wheel) == 0


def test_an_item_due_in_the_past_comes_out_at_the_next_tick() -> None:
    wheel: TimerWheel[str] = TimerWheel(100)
    wheel.add("late", 3)
    assert list(wheel.advance(101)) == ["late"]


def test_an_item_more_than_a_turn_ahead_waits_for_its_turn() -> None:
    wheel: TimerWheel[str] = TimerWheel()
    wheel.add("far", 5000)
    assert list(wheel.advance(4999)) == []
    assert list(wheel.advance(5000)) == ["far"]


def test_an_empty_wheel_follows_the_clock_over_any_pause() -> None:
    wheel: TimerWheel[str] = TimerWheel()
    assert list(wheel.advance(10**9)) == []
    wheel.add("a", 10**9 + 1)
    assert list(wheel.advance(10**9 + 1)) == ["a"]


def test_an_item_added_while_the_hand_moves_comes_out_on_the_same_way() -> None:
    wheel: TimerWheel[int] = TimerWheel()
    wheel.add(0, 1)
    seen = []
    for item in wheel.advance(10):
        seen.append(item)
        if item < 3:
            wheel.add(item + 1, 2 + item)
    assert seen == [0, 1, 2, 3]


def test_every_item_comes_out_once_in_order_of_its_tick() -> None:
    source = random.Random(3)
    dues = [source.randrange(1, 4000) for _ in range(2000)]
    wheel: TimerWheel[int] = TimerWheel()
    for due in dues:
        wheel.add(due, due)
    seen: list[int] = []
    hand = 0
    while len(wheel):
        hand += source.randrange(1, 50)
        for due in wheel.advance(hand):
            assert due <= hand
            seen.append(due)
    assert seen == sorted(dues)
