"""Supervision as data: which children restart, how often, how soon; and the window that counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from actors.errors import SettingsError


class Strategy(StrEnum):
    """Who restarts when one child fails."""

    ONE_FOR_ONE = "one-for-one"  # the child that failed
    REST_FOR_ONE = "rest-for-one"  # that child and those spawned after it, which may depend on it


class Directive(StrEnum):
    """What follows a failure."""

    RESTART = "restart"
    STOP = "stop"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class Backoff:
    """The pause before a restart, in seconds: ``first_s``, then each ``factor`` times longer, to ``max_s``.

    ``jitter`` (0.0-1.0) is the share of the pause that chance may take away, so that actors which
    failed together do not come back together. SettingsError if a value makes no sense.
    """

    first_s: float = 0.1
    factor: float = 2.0
    max_s: float = 10.0
    jitter: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.first_s <= self.max_s:
            raise SettingsError("backoff: expected 0 <= first_s <= max_s")
        if self.factor < 1.0 or not 0.0 <= self.jitter <= 1.0:
            raise SettingsError("backoff: expected factor >= 1 and 0 <= jitter <= 1")

    def delay_s(self, attempt: int, chance: float) -> float:
        """The pause before restart number ``attempt`` (from 1); ``chance`` is random in 0.0-1.0."""
        delay = self.first_s
        for _ in range(attempt - 1):  # not a power: that overflows long before a window is full
            if delay >= self.max_s:
                break
            delay *= self.factor
        return min(delay, self.max_s) * (1.0 - self.jitter * chance)


@dataclass(frozen=True, slots=True)
class Supervision:
    """How an actor supervises its children.

    A child that fails more than ``max_restarts`` times in ``within_s`` seconds is not restarted again:
    the failure escalates. Each child is counted on its own, so that many children which fail once
    each do not bring down their supervisor. SettingsError if a value makes no sense.
    """

    strategy: Strategy = Strategy.ONE_FOR_ONE
    max_restarts: int = 5
    within_s: float = 60.0
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        if self.max_restarts < 0 or self.within_s <= 0.0:
            raise SettingsError("supervision: expected max_restarts >= 0 and within_s > 0")


class RestartWindow:
    """The restarts of one child in the last ``within_s`` seconds."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: list[float] = []  # few, and a deque takes 600 bytes even when empty

    def next_attempt(self, supervision: Supervision, now: float) -> int | None:
        """Record a restart at ``now`` and return its number in the window; None if it is one too many."""
        times = self._times
        while times and times[0] <= now - supervision.within_s:
            del times[0]
        if len(times) >= supervision.max_restarts:
            return None
        times.append(now)
        return len(times)


def always_restart(failure: Exception) -> Directive:
    """The decision unless an actor's options say otherwise."""
    return Directive.RESTART


Decider = Callable[[Exception], Directive]
