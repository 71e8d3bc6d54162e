"""What Locust counted, as the process of the run reads it: names in camelCase, units in the names."""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True):
    """A kind of event: ``via`` is ``ws``, ``sse`` or ``GET``, ``name`` a method, a path or what was timed."""

    via: str
    name: str

    def __str__(self) -> str:
        return f"{self.via} {self.name}"


class Counted(msgspec.Struct, frozen=True, rename="camel"):
    """One kind of event: how often in all, how often it failed, and how long it took, in ms."""

    event: Event
    times: int
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float

    @property
    def successes(self) -> int:
        """How often it did not fail."""
        return self.times - self.failures


class Failure(msgspec.Struct, frozen=True):
    """How often an event failed with a code."""

    event: Event
    code: str
    times: int


class Steady(msgspec.Struct, frozen=True, rename="camel"):
    """What the processes took while all users were there, by role: cores, and growth of the resident set."""

    seconds: float
    cores: dict[str, float]
    grown_bytes: dict[str, float]


class Outcome(msgspec.Struct, frozen=True):
    """A whole run of Locust, all its processes together.

    ``crashes`` are exceptions in the load test's own code, each with how often it came; ``steady`` is added
    by the process of the run.
    """

    counted: list[Counted]
    failures: list[Failure]
    crashes: dict[str, int]
    steady: Steady | None = None

    def of(self, event: Event) -> Counted:
        """What was counted of an event; zeros where it did not happen."""
        nothing = Counted(event, 0, 0, 0.0, 0.0, 0.0, 0.0)
        return next((one for one in self.counted if one.event == event), nothing)
