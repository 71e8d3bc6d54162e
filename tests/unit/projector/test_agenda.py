"""Which streams are read, and when; how lags are counted; what a worker tells."""

from __future__ import annotations

import asyncio

import pytest

from actors.journal.contract import Appended
from actors.projector.agenda import Agenda
from actors.projector.changed import MOST, ChangedStreams
from actors.projector.figures import Lags


def test_a_stream_is_in_the_agenda_once_and_in_the_order_of_its_coming() -> None:
    agenda = Agenda()
    agenda.add(["b", "a"])
    agenda.add(["b", "c"])

    assert list(agenda.take(0.0)) == ["b", "a", "c"]
    assert agenda.take(0.0) == {}


def test_a_stream_that_is_due_is_read_as_quiet_unless_it_has_changed() -> None:
    agenda = Agenda()
    agenda.remind("a", 1.0)
    agenda.remind("b", 1.0)
    agenda.remind("c", 9.0)
    agenda.add(["b"])

    assert agenda.take(2.0) == {"b": False, "a": True}
    assert agenda.take(9.0) == {"c": True}


def test_of_two_reminders_the_earlier_counts() -> None:
    agenda = Agenda()
    agenda.remind("a", 5.0)
    agenda.remind("a", 1.0)
    agenda.remind("a", 7.0)

    assert agenda.take(1.0) == {"a": True}
    assert agenda.take(9.0) == {}


async def test_waiting_ends_with_a_change_and_with_what_is_due() -> None:
    agenda, loop = Agenda(), asyncio.get_running_loop()
    loop.call_soon(agenda.add, ["a"])
    async with asyncio.timeout(1.0):
        await agenda.wait()
    agenda.take(loop.time())

    loop.call_soon(agenda.remind, "a", loop.time() + 0.01)
    async with asyncio.timeout(1.0):
        await agenda.wait()
    assert agenda.take(loop.time() + 0.02) == {"a": True}


def test_lags_are_those_of_the_last_windows() -> None:
    lags = Lags()
    assert lags.quantiles(1_000_000, 0.5) == [0.0]
    assert lags.add([999_000] * 95 + [990_000] * 5, 1_000_000) == 100

    p50, p95, most = lags.quantiles(1_001_000, 0.5, 0.95, 1.0)
    assert pytest.approx(p50, rel=0.2) == 1.0
    assert p50 == p95
    assert pytest.approx(most, rel=0.2) == 10.0
    assert lags.quantiles(1_015_000, 1.0) == [most]
    assert lags.quantiles(1_045_000, 1.0) == [0.0]


def test_a_worker_tells_each_stream_once_and_again_what_was_not_heard() -> None:
    changed = ChangedStreams()
    changed.note([Appended("a", "e", 1), Appended("b", "e", 1)])
    changed.note([Appended("a", "e", 2)])

    taken = changed.take()
    assert sorted(taken) == ["a", "b"]
    assert changed.take() == []
    changed.put_back(taken)
    assert sorted(changed.take()) == ["a", "b"]


def test_what_nobody_asks_for_does_not_grow_without_end() -> None:
    changed = ChangedStreams()
    for number in range(MOST + 100):
        changed.note([Appended(f"s{number}", "e", 1)])

    assert len(changed.take()) == MOST
