"""How a connection to an agent fares: measured as messages pass, judged when somebody asks.

Every ``now`` is a reading in seconds of one clock that never goes back.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from actors.errors import SettingsError

LATENCIES: Final = 256
"""So many of the last answers are the ground of the p95 latency."""

MINUTE_S: Final = 60.0


class Verdict(StrEnum):
    """Whether a connection is as it should be."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"


class Activity(StrEnum):
    """What an agent is about."""

    IDLE = "idle"
    """No turn runs."""
    WORKING = "working"
    """A turn runs, and the agent has said something lately."""
    WAITING = "waiting"
    """A turn runs, and waits for a person."""
    WEDGED = "wedged"
    """A turn runs, nobody is asked, and nothing has come from the agent for too long."""


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """When a connection is degraded, and when it is healthy again. SettingsError if a value makes no sense.

    Between the two it stays as it was judged before, so that it does not flap.
    """

    window_s: float = 3600.0
    """The success rate is that of so many of the last seconds."""
    enough_answers: int = 20
    """With fewer answers in the window the verdict stays, and with none it is healthy."""
    degraded_below: float = 0.995
    """Degraded under this success rate."""
    healthy_from: float = 0.998
    """Healthy again from this success rate on."""
    degraded_over_s: float = 10.0
    """Degraded above this p95 latency."""
    healthy_until_s: float = 7.0
    """Healthy again up to this p95 latency."""

    def __post_init__(self) -> None:
        if not MINUTE_S <= self.window_s < math.inf:
            raise SettingsError("window_s: expected at least 60")
        if self.enough_answers < 1:
            raise SettingsError("enough_answers: expected at least 1")
        if not 0.0 <= self.degraded_below <= self.healthy_from <= 1.0:
            raise SettingsError("degraded_below: expected 0.0 to 1.0 and at most healthy_from")
        if not 0.0 < self.healthy_until_s <= self.degraded_over_s:
            raise SettingsError("healthy_until_s: expected more than 0 and at most degraded_over_s")


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """What is measured at one moment."""

    last_heard: float | None
    """When the agent last sent anything; None if it never did."""
    answers: int
    """Requests that ended within the window."""
    success_rate: float
    """Share of them that succeeded, 0.0 to 1.0; 1.0 if there are none."""
    latency_p95_s: float | None
    """Of the last 256 answers within the window; None if there are none."""
    throughput_per_min: int
    """Messages of the agent within the last minute."""


class ConnectionHealth:
    """Heartbeat, latency, throughput and success rate of one connection."""

    __slots__ = ("_failures", "_heard", "_latencies", "_limits", "_messages", "_successes", "_verdict")

    def __init__(self, limits: HealthLimits | None = None) -> None:
        self._limits = limits or HealthLimits()
        self._heard = -math.inf
        self._messages = RollingCount(MINUTE_S)
        self._successes = RollingCount(self._limits.window_s)
        self._failures = RollingCount(self._limits.window_s)
        self._latencies = _Latencies()
        self._verdict = Verdict.HEALTHY

    def note_message(self, now: float) -> None:
        """The agent sent something, be it an answer."""
        self._heard = now
        self._messages.add(now)

    def note_answer(self, latency_s: float, ok: bool, now: float) -> None:
        """A request of ours has ended: answered after ``latency_s``, or, not ``ok``, failed or given up."""
        (self._successes if ok else self._failures).add(now)
        self._latencies.add(latency_s, now)

    def snapshot(self, now: float) -> HealthSnapshot:
        """What is measured now."""
        successes, failures = self._successes.total(now), self._failures.total(now)
        answers = successes + failures
        return HealthSnapshot(
            last_heard=None if self._heard == -math.inf else self._heard,
            answers=answers,
            success_rate=successes / answers if answers else 1.0,
            latency_p95_s=self._latencies.p95(now - self._limits.window_s),
            throughput_per_min=self._messages.total(now),
        )

    def judged(self, now: float) -> Verdict:
        """The verdict, given anew."""
        limits, found = self._limits, self.snapshot(now)
        if found.latency_p95_s is None:
            self._verdict = Verdict.HEALTHY
        elif found.answers < limits.enough_answers:
            pass
        elif found.success_rate < limits.degraded_below or found.latency_p95_s > limits.degraded_over_s:
            self._verdict = Verdict.DEGRADED
        elif found.success_rate >= limits.healthy_from and found.latency_p95_s <= limits.healthy_until_s:
            self._verdict = Verdict.HEALTHY
        return self._verdict


class Progress:
    """Tells an agent that is stuck in a turn from one that has nothing to do."""

    __slots__ = ("_moved", "_stall_s")

    def __init__(self, stall_s: float) -> None:
        """``stall_s``: so long an agent may be silent in a turn. A build may take it many minutes.

        Raises SettingsError if it is not more than 0.
        """
        if not 0.0 < stall_s < math.inf:
            raise SettingsError("stall_s: expected more than 0")
        self._stall_s = stall_s
        self._moved = -math.inf

    def note(self, now: float) -> None:
        """Something moved: a message of the agent, a prompt to it, the answer to a question of it."""
        self._moved = now

    def judged(self, now: float, *, turn_runs: bool, person_asked: bool) -> Activity:
        """What the agent is about, given whether a turn runs and whether a question waits for a person."""
        if not turn_runs:
            return Activity.IDLE
        if person_asked:
            return Activity.WAITING
        return Activity.WORKING if now - self._moved < self._stall_s else Activity.WEDGED


class RollingCount:
    """How often something happened within the last ``span_s`` seconds, to within a sixtieth of them."""

    __slots__ = ("_at", "_counts", "_slot_s", "_until")

    SLOTS: Final = 60

    def __init__(self, span_s: float) -> None:
        self._slot_s = span_s / self.SLOTS
        self._counts = array("L", bytes(array("L").itemsize * self.SLOTS))
        self._at = 0
        self._until = -math.inf

    def add(self, now: float) -> None:
        """It happened."""
        if now >= self._until:
            self._move_to(now)
        self._counts[self._at] += 1

    def total(self, now: float) -> int:
        """How often it did."""
        if now >= self._until:
            self._move_to(now)
        return sum(self._counts)

    def _move_to(self, now: float) -> None:
        """Begin the slot of ``now``; those that were passed over are empty."""
        until = (now // self._slot_s + 1.0) * self._slot_s
        passed = (until - self._until) / self._slot_s
        for _ in range(self.SLOTS if passed >= self.SLOTS else round(passed)):
            self._at = (self._at + 1) % self.SLOTS
            self._counts[self._at] = 0
        self._until = until


class _Latencies:
    """The last 256 latencies, with the time of each."""

    __slots__ = ("_latencies", "_next", "_times")

    def __init__(self) -> None:
        self._latencies = array("d")
        self._times = array("d")
        self._next = 0

    def add(self, latency_s: float, now: float) -> None:
        """One more; the oldest gives way."""
        if len(self._times) < LATENCIES:
            self._latencies.append(latency_s)
            self._times.append(now)
            return
        self._latencies[self._next] = latency_s
        self._times[self._next] = now
        self._next = (self._next + 1) % LATENCIES

    def p95(self, since: float) -> float | None:
        """Of those since then, the least that 95 % do not exceed; None if there are none."""
        pairs = zip(self._latencies, self._times, strict=True)
        found = sorted(latency for latency, time in pairs if time >= since)
        return found[math.ceil(len(found) * 0.95) - 1] if found else None
