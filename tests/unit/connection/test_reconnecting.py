"""A lost agent is dialled again, with growing pauses, and not for ever."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.connection.reconnecting import Attempts, ReconnectPolicy
from actors.errors import SettingsError

chances = st.floats(0.0, 1.0)
seconds = st.floats(0.001, 1e6)


@st.composite
def policies(draw: st.DrawFn) -> ReconnectPolicy:
    first, longest = sorted((draw(seconds), draw(seconds)))
    return ReconnectPolicy(first_delay_s=first, max_delay_s=longest, attempts=draw(st.integers(0, 2000)))


def delays(attempts: Attempts, chance: float) -> list[float]:
    found = []
    while (delay := attempts.next_delay(chance)) is not None:
        found.append(delay)
    return found


def test_the_pauses_double_up_to_the_longest():
    policy = ReconnectPolicy(first_delay_s=1.0, max_delay_s=6.0, attempts=5)

    assert delays(Attempts(policy), 1.0) == [1.0, 2.0, 4.0, 6.0, 6.0]
    assert delays(Attempts(policy), 0.0) == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_by_default_it_is_given_up_after_five_attempts():
    assert delays(Attempts(ReconnectPolicy()), 1.0) == [1.0, 2.0, 4.0, 8.0, 16.0]


@given(policies(), chances)
def test_there_are_as_many_attempts_as_the_policy_says(policy: ReconnectPolicy, chance: float):
    attempts = Attempts(policy)

    assert len(delays(attempts, chance)) == policy.attempts == attempts.made
    assert attempts.next_delay(chance) is None


@given(policies(), chances)
def test_every_pause_is_at_least_half_the_first_and_at_most_the_longest(
    policy: ReconnectPolicy, chance: float
):
    found = delays(Attempts(policy), chance)

    assert all(policy.first_delay_s / 2 <= delay <= policy.max_delay_s for delay in found)
    assert found == sorted(found)


@given(policies(), st.integers(0, 20), chances)
def test_after_a_success_it_begins_anew(policy: ReconnectPolicy, before: int, chance: float):
    attempts = Attempts(policy)
    for _ in range(before):
        attempts.next_delay(chance)
    attempts.succeeded()

    assert attempts.made == 0
    assert delays(attempts, chance) == delays(Attempts(policy), chance)


def test_half_of_a_pause_is_chance():
    assert {Attempts(ReconnectPolicy()).next_delay(chance) for chance in (0.0, 0.5, 1.0)} == {0.5, 0.75, 1.0}


@pytest.mark.parametrize(
    "setting",
    [
        {"first_delay_s": 0.0},
        {"first_delay_s": -1.0},
        {"first_delay_s": math.nan},
        {"first_delay_s": 31.0},
        {"max_delay_s": 0.5},
        {"max_delay_s": math.inf},
        {"attempts": -1},
        {"idle_timeout_s": 0.0},
        {"idle_timeout_s": math.nan},
        {"idle_timeout_s": math.inf},
    ],
    ids=str,
)
def test_a_policy_that_makes_no_sense_is_refused(setting: dict[str, float]):
    with pytest.raises(SettingsError):
        ReconnectPolicy(**setting)  # type: ignore[arg-type] # wrong on purpose


def test_the_first_pause_may_be_the_longest():
    assert delays(Attempts(ReconnectPolicy(first_delay_s=30.0, attempts=2)), 1.0) == [30.0, 30.0]
