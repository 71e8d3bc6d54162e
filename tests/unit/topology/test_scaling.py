from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from topology.scaling import (
    CALM_WINDOW_S,
    GROWTH_WINDOW_S,
    TARGET_SHARE,
    Load,
    ScalingLimits,
    WorkerScaling,
)

PLACES = 100
LIMITS = ScalingLimits(1, 10)


def load(sessions: int, waiting: int = 0) -> Load:
    return Load(sessions, waiting, PLACES)


def settled(workers: int, sessions: int, limits: ScalingLimits = LIMITS) -> tuple[WorkerScaling, float]:
    """A scaling that has seen the same load for long enough to be sure of it; and the time."""
    scaling = WorkerScaling(workers, 0.0)
    now = 0.0
    while now <= CALM_WINDOW_S:
        scaling.desired(load(sessions), limits, now)
        now += 1.0
    return scaling, now


def test_a_load_over_the_target_share_brings_workers_at_once() -> None:
    scaling, now = settled(1, 70)

    assert scaling.desired(load(76), LIMITS, now) == 2


def test_many_workers_may_come_in_one_step() -> None:
    scaling = WorkerScaling(1, 0.0)

    assert scaling.desired(load(600), LIMITS, 1.0) == 8


def test_sessions_that_wait_for_a_place_count_like_those_that_have_one() -> None:
    scaling = WorkerScaling(1, 0.0)

    assert scaling.desired(load(100, waiting=100), LIMITS, 1.0) == 3


def test_growth_brings_a_worker_before_its_places_are_needed() -> None:
    scaling, now = settled(1, 40)

    # Two more each second, of which 20 s are looked ahead: (70 + 40) / 75 is more than one worker.
    seen = [scaling.desired(load(40 + 2 * second), LIMITS, now + second) for second in range(16)]

    assert (seen[0], seen[-1]) == (1, 2)


def test_a_load_that_stands_still_brings_nothing_however_it_came() -> None:
    scaling, now = settled(1, 70)

    assert {scaling.desired(load(70), LIMITS, now + second) for second in range(100)} == {1}


def test_fewer_workers_only_after_five_calm_minutes_and_one_at_a_time() -> None:
    scaling, now = settled(4, 290)
    fell = now
    steps: list[tuple[float, int]] = []
    before = 4
    while now < fell + 2 * CALM_WINDOW_S:
        desired = scaling.desired(load(0), LIMITS, now)
        if desired != before:
            steps.append((now - fell, desired))
            before = desired
        now += 1.0

    assert [desired for _, desired in steps] == [3, 2, 1]
    assert steps[0][0] >= CALM_WINDOW_S - 1
    assert all(later - sooner >= GROWTH_WINDOW_S for (sooner, _), (later, _) in pairwise(steps))


def test_a_peak_within_the_five_minutes_keeps_its_workers() -> None:
    scaling, now = settled(2, 140)
    for second in range(1000):
        sessions = 140 if second % 250 == 0 else 0
        assert scaling.desired(load(sessions), LIMITS, now + second) >= 2


def test_a_pool_that_has_just_begun_to_look_lets_nobody_go() -> None:
    scaling = WorkerScaling(5, 0.0)

    assert {scaling.desired(load(0), LIMITS, float(second)) for second in range(int(CALM_WINDOW_S))} == {5}


def test_what_the_operator_wants_holds_at_once() -> None:
    scaling, now = settled(2, 140)

    assert scaling.desired(load(140), ScalingLimits(4, 10), now) == 4
    assert scaling.desired(load(140), ScalingLimits(1, 1), now + 1) == 1


@given(
    looks=st.lists(
        st.tuples(st.floats(0.5, 60.0), st.integers(0, 2000), st.integers(0, 200)), min_size=1, max_size=60
    ),
    low=st.integers(1, 10),
    more=st.integers(0, 10),
    first=st.integers(1, 20),
)
def test_never_outside_the_limits_never_two_steps_down_at_once_and_never_too_few(
    looks: list[tuple[float, int, int]], low: int, more: int, first: int
) -> None:
    limits = ScalingLimits(low, low + more)
    scaling = WorkerScaling(first, 0.0)
    now, before = 0.0, limits.clamp(first)
    for pause, sessions, waiting in looks:
        now += pause
        desired = scaling.desired(load(sessions, waiting), limits, now)
        enough = math.ceil((sessions + waiting) / (PLACES * TARGET_SHARE))
        assert limits.minimum <= desired <= limits.maximum
        assert desired >= before - 1
        assert desired >= min(enough, limits.maximum)
        before = desired


@given(sessions=st.integers(0, 900), first=st.integers(1, 10))
def test_a_load_that_stays_gets_in_the_end_just_the_workers_that_it_needs(sessions: int, first: int) -> None:
    scaling, now = WorkerScaling(first, 0.0), 0.0
    while now < CALM_WINDOW_S + 12 * GROWTH_WINDOW_S:
        now += 5.0
        desired = scaling.desired(load(sessions), LIMITS, now)

    assert desired == LIMITS.clamp(math.ceil(sessions / (PLACES * TARGET_SHARE)))
