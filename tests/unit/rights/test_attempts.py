"""Failed attempts."""

from __future__ import annotations

import pytest

from actors.errors import RateLimitedError
from serve.rights.attempts import AT_ONCE, MAX_KNOWN, FailedAttempts


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_whoever_fails_often_is_refused_until_a_while_has_passed():
    clock = Clock()
    attempts = FailedAttempts(clock)
    for _ in range(int(AT_ONCE)):
        attempts.check("mallory")
        attempts.add("mallory")

    with pytest.raises(RateLimitedError) as refused:
        attempts.check("mallory")
    assert refused.value.retry_after_s is not None
    clock.now += refused.value.retry_after_s
    attempts.check("mallory")


def test_others_are_not_held_up():
    attempts = FailedAttempts(Clock())
    for _ in range(100):
        attempts.add("mallory")

    attempts.check("ann")


def test_the_table_is_bounded():
    attempts = FailedAttempts(Clock())
    for number in range(MAX_KNOWN + 10):
        attempts.add(str(number))

    assert len(attempts) == MAX_KNOWN
