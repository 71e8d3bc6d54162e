"""When a target of a load is met: counts and failures everywhere, times on a quiet machine only."""

import pytest

from loadtests.locust.outcome import Counted, Event, Outcome, Steady
from loadtests.locust.targets import Grows, Happens, NothingFails, Ruling, Takes, Verdict, all_kept, judged

UPDATE = Event("ws", "update")
NEW = Event("ws", "session/new")


def outcome(times: int = 100, failures: int = 0, p99_ms: float = 20.0, **changes: object) -> Outcome:
    counted = Counted(UPDATE, times, failures, p50_ms=5.0, p95_ms=10.0, p99_ms=p99_ms, max_ms=30.0)
    return Outcome(**{"counted": [counted], "failures": [], "crashes": {}, **changes})  # type: ignore[arg-type] # a test's own


@pytest.mark.parametrize(
    ("target", "ruling"),
    [
        (Happens(UPDATE, 100), Ruling.HOLDS),
        (Happens(UPDATE, 101), Ruling.MISSED),
        (Happens(UPDATE, 100, 100), Ruling.HOLDS),
        (Happens(UPDATE, 1, 99), Ruling.MISSED),
        (Happens(NEW, 1), Ruling.MISSED),
        (Happens(NEW, 0, 0), Ruling.HOLDS),
    ],
)
def test_an_event_has_to_happen_as_often_as_was_said(target: Happens, ruling: Ruling) -> None:
    assert target.judge(outcome(), quiet=False).ruling is ruling


def test_failures_do_not_count_as_having_happened() -> None:
    assert Happens(UPDATE, 100).judge(outcome(failures=1), quiet=False).ruling is Ruling.MISSED


def test_one_failure_is_too_many_unless_a_share_is_allowed() -> None:
    assert NothingFails().judge(outcome(), quiet=False).ruling is Ruling.HOLDS
    assert NothingFails().judge(outcome(failures=1), quiet=False).ruling is Ruling.MISSED
    assert NothingFails(0.01).judge(outcome(failures=1), quiet=False).ruling is Ruling.HOLDS
    assert NothingFails(0.01).judge(outcome(failures=2), quiet=False).ruling is Ruling.MISSED


def test_a_load_in_which_nothing_happened_has_not_succeeded() -> None:
    assert NothingFails().judge(outcome(counted=[]), quiet=False).ruling is Ruling.MISSED


def test_a_crash_of_the_load_test_itself_fails_it() -> None:
    crashed = NothingFails(1.0).judge(outcome(crashes={"KeyError": 1}), quiet=False)
    assert (crashed.ruling, crashed.found) == (Ruling.MISSED, "0 of 100 failed, 1 crashes")


@pytest.mark.parametrize(("ms", "ruling"), [(20.0, Ruling.HOLDS), (19.0, Ruling.MISSED)])
def test_a_time_counts_in_a_quiet_profile(ms: float, ruling: Ruling) -> None:
    assert Takes(UPDATE, ms).judge(outcome(), quiet=True).ruling is ruling


def test_a_time_is_only_shown_in_another_profile() -> None:
    assert Takes(UPDATE, 1.0).judge(outcome(), quiet=False) == Verdict(
        "ws update: p99 at most 1 ms", "20 ms", Ruling.SHOWN
    )


def test_a_time_that_was_not_measured_is_missed_where_it_counts() -> None:
    assert Takes(NEW, 1.0).judge(outcome(), quiet=True).ruling is Ruling.MISSED


def test_each_quantile_is_held_against_its_own_figure() -> None:
    found = [Takes(UPDATE, 50.0, quantile).judge(outcome(), quiet=True).found for quantile in (50, 95, 99)]
    assert found == ["5 ms", "10 ms", "20 ms"]


def test_memory_may_grow_as_far_as_was_said_and_has_to_be_measured() -> None:
    steady = Steady(60.0, {}, {"worker": 2_000_000.0})
    assert Grows("worker", 2.0).judge(outcome(steady=steady), quiet=False).ruling is Ruling.HOLDS
    assert Grows("worker", 1.9).judge(outcome(steady=steady), quiet=False).ruling is Ruling.MISSED
    assert Grows("worker", 2.0).judge(outcome(), quiet=False).ruling is Ruling.MISSED


def test_one_missed_target_fails_a_run_and_a_shown_time_does_not() -> None:
    targets = (Happens(UPDATE, 1), Takes(UPDATE, 1.0))
    assert all_kept(judged(targets, outcome(), quiet=False))
    assert not all_kept(judged(targets, outcome(), quiet=True))
