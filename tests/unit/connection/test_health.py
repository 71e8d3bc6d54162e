"""Health is measured over windows, and judged without flapping."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.connection.health import (
    LATENCIES,
    Activity,
    ConnectionHealth,
    HealthLimits,
    HealthSnapshot,
    Progress,
    RollingCount,
    Verdict,
)
from actors.errors import SettingsError

LIMITS = HealthLimits(
    window_s=3600.0,
    enough_answers=10,
    degraded_below=0.9,
    healthy_from=0.95,
    degraded_over_s=2.0,
    healthy_until_s=1.0,
)


def answered(
    health: ConnectionHealth, times: int, *, ok: bool = True, latency: float = 0.1, now: float = 0.0
):
    for _ in range(times):
        health.note_answer(latency, ok, now)


# ---------------------------------------------------------------------- what is measured


def test_a_connection_that_did_nothing_has_failed_at_nothing():
    assert ConnectionHealth().snapshot(5.0) == HealthSnapshot(
        last_heard=None, answers=0, success_rate=1.0, latency_p95_s=None, throughput_per_min=0
    )


def test_a_message_is_a_heartbeat():
    health = ConnectionHealth()
    health.note_message(1.0)
    health.note_message(2.5)

    assert health.snapshot(9.0).last_heard == 2.5


def test_an_answer_that_never_came_is_no_heartbeat():
    health = ConnectionHealth()
    health.note_answer(60.0, False, 60.0)

    assert health.snapshot(60.0).last_heard is None


def test_throughput_is_that_of_the_last_minute():
    health = ConnectionHealth()
    for second in range(600):
        health.note_message(float(second))
        health.note_message(second + 0.5)

    assert health.snapshot(599.5).throughput_per_min == 120
    assert health.snapshot(630.0).throughput_per_min == pytest.approx(60, abs=2)
    assert health.snapshot(700.0).throughput_per_min == 0


def test_the_success_rate_forgets_what_is_over_an_hour_old():
    health = ConnectionHealth()
    answered(health, 10, ok=False, now=0.0)
    answered(health, 30, now=1800.0)

    assert health.snapshot(1800.0).success_rate == 0.75
    assert health.snapshot(3700.0).success_rate == 1.0
    assert health.snapshot(3700.0).answers == 30
    assert health.snapshot(9000.0).answers == 0


@pytest.mark.parametrize(("count", "expected"), [(1, 1.0), (19, 19.0), (20, 19.0), (100, 95.0)])
def test_p95_is_not_exceeded_by_95_of_100(count: int, expected: float):
    health = ConnectionHealth()
    for latency in range(count, 0, -1):
        health.note_answer(float(latency), True, 0.0)

    assert health.snapshot(0.0).latency_p95_s == expected


def test_p95_is_that_of_the_newest_answers():
    health = ConnectionHealth()
    answered(health, 1000, latency=9.0)
    answered(health, LATENCIES, latency=0.5)

    assert health.snapshot(0.0).latency_p95_s == 0.5


def test_p95_forgets_what_is_older_than_the_window():
    health = ConnectionHealth()
    answered(health, 10, latency=9.0, now=0.0)
    answered(health, 10, latency=0.5, now=3000.0)

    assert health.snapshot(3000.0).latency_p95_s == 9.0
    assert health.snapshot(4000.0).latency_p95_s == 0.5
    assert health.snapshot(9000.0).latency_p95_s is None


def test_a_snapshot_stays_as_it_was():
    snapshot = ConnectionHealth().snapshot(0.0)

    with pytest.raises(FrozenInstanceError):
        snapshot.answers = 1  # type: ignore[misc] # wrong on purpose


@given(
    st.lists(st.floats(0.0, 50.0), max_size=60),
    st.floats(0.0, 1e6),
    st.sampled_from([60.0, 100.0, 3600.0]),
    st.floats(0.0, 100.0),
)
def test_a_rolling_count_is_right_to_within_a_sixtieth(
    gaps: list[float], start: float, span: float, later: float
):
    count, times, now = RollingCount(span), [], start
    for gap in gaps:
        now += gap
        times.append(now)
        count.add(now)
    now += later
    slot = span / 60

    assert sum(time > now - span + slot for time in times) <= count.total(now)
    assert count.total(now) <= sum(time > now - span - slot / 1000 for time in times)


def test_a_rolling_count_does_not_drift():
    count = RollingCount(100.0)
    totals = set()
    for second in range(20_000):
        count.add(float(second))
        totals.add(count.total(float(second)))

    assert max(totals) <= 101
    assert count.total(19_999.0) >= 98


# ---------------------------------------------------------------------- the verdict


def test_a_connection_is_healthy_until_it_is_known_not_to_be():
    health = ConnectionHealth(LIMITS)
    answered(health, 9, ok=False)

    assert health.judged(0.0) is Verdict.HEALTHY
    answered(health, 1, ok=False)
    assert health.judged(0.0) is Verdict.DEGRADED


def test_slow_answers_degrade_a_connection_and_quick_ones_heal_it():
    health = ConnectionHealth(LIMITS)
    answered(health, 20, latency=2.1)
    assert health.judged(0.0) is Verdict.DEGRADED
    answered(health, LATENCIES, latency=1.5)
    assert health.judged(0.0) is Verdict.DEGRADED
    answered(health, LATENCIES, latency=1.0)
    assert health.judged(0.0) is Verdict.HEALTHY


def test_an_answer_that_takes_just_as_long_as_it_may_degrades_nothing():
    health = ConnectionHealth(LIMITS)
    answered(health, 20, latency=LIMITS.degraded_over_s)

    assert health.judged(0.0) is Verdict.HEALTHY


def test_a_success_rate_that_is_just_high_enough_is_high_enough():
    health = ConnectionHealth(LIMITS)
    answered(health, 2, ok=False)
    answered(health, 18)
    assert health.judged(0.0) is Verdict.HEALTHY
    answered(health, 1, ok=False)
    assert health.judged(0.0) is Verdict.DEGRADED
    answered(health, 38)
    assert health.judged(0.0) is Verdict.DEGRADED
    answered(health, 1)
    assert health.snapshot(0.0).success_rate == LIMITS.healthy_from
    assert health.judged(0.0) is Verdict.HEALTHY


def test_a_connection_whose_failures_are_long_ago_is_healthy():
    health = ConnectionHealth(LIMITS)
    answered(health, 10, ok=False)

    assert health.judged(3000.0) is Verdict.DEGRADED
    assert health.judged(3700.0) is Verdict.HEALTHY


def test_a_few_answers_after_it_was_degraded_say_nothing_yet():
    health = ConnectionHealth(LIMITS)
    answered(health, 10, ok=False, now=0.0)
    assert health.judged(0.0) is Verdict.DEGRADED
    answered(health, 9, now=3700.0)
    assert health.judged(3700.0) is Verdict.DEGRADED
    answered(health, 1, now=3700.0)
    assert health.judged(3700.0) is Verdict.HEALTHY


@given(st.booleans(), st.lists(st.floats(1.01, 2.0), min_size=1, max_size=40))
def test_between_its_limits_a_verdict_stays_as_it_was(was_degraded: bool, latencies: list[float]):
    health = ConnectionHealth(LIMITS)
    answered(health, LATENCIES, latency=3.0 if was_degraded else 0.5)
    before = health.judged(0.0)
    answered(health, LATENCIES, latency=1.5)
    verdicts = set()
    for latency in latencies:
        answered(health, LATENCIES, latency=latency)
        verdicts.add(health.judged(0.0))

    assert verdicts == {before}


@given(st.lists(st.booleans(), min_size=10, max_size=300))
def test_a_verdict_changes_only_where_a_limit_was_passed(outcomes: list[bool]):
    health = ConnectionHealth(LIMITS)
    verdict = Verdict.HEALTHY
    for ok in outcomes:
        health.note_answer(0.1, ok, 0.0)
        after, found = health.judged(0.0), health.snapshot(0.0)
        if after is not verdict and after is Verdict.DEGRADED:
            assert found.success_rate < LIMITS.degraded_below
        elif after is not verdict:
            assert found.success_rate >= LIMITS.healthy_from
        verdict = after


@pytest.mark.parametrize(
    "limit",
    [
        {"window_s": 59.0},
        {"window_s": math.inf},
        {"enough_answers": 0},
        {"degraded_below": -0.1},
        {"degraded_below": 0.999},
        {"healthy_from": 1.1},
        {"healthy_from": math.nan},
        {"healthy_until_s": 0.0},
        {"healthy_until_s": 11.0},
        {"degraded_over_s": math.nan},
    ],
    ids=str,
)
def test_limits_that_make_no_sense_are_refused(limit: dict[str, float]):
    with pytest.raises(SettingsError):
        HealthLimits(**limit)  # type: ignore[arg-type] # wrong on purpose


# ---------------------------------------------------------------------- progress


def test_an_agent_without_a_turn_is_idle_however_long_it_is_silent():
    assert Progress(60.0).judged(1e9, turn_runs=False, person_asked=False) is Activity.IDLE


def test_an_agent_that_is_silent_in_its_turn_for_too_long_is_wedged():
    progress = Progress(60.0)
    progress.note(100.0)

    assert progress.judged(159.9, turn_runs=True, person_asked=False) is Activity.WORKING
    assert progress.judged(160.0, turn_runs=True, person_asked=False) is Activity.WEDGED
    progress.note(170.0)
    assert progress.judged(180.0, turn_runs=True, person_asked=False) is Activity.WORKING


def test_an_agent_that_waits_for_a_person_is_not_wedged():
    progress = Progress(60.0)
    progress.note(0.0)

    assert progress.judged(1e6, turn_runs=True, person_asked=True) is Activity.WAITING


@pytest.mark.parametrize("stall_s", [0.0, -1.0, math.nan, math.inf])
def test_a_stall_that_makes_no_sense_is_refused(stall_s: float):
    with pytest.raises(SettingsError):
        Progress(stall_s)
