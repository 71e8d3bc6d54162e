"""What a profile promises, and whether it was kept.

Counts, failures and sizes pass or fail wherever the load runs. Times depend on what else the machine does:
they pass or fail only in a ``quiet`` profile, which wants a machine without other work, and are shown in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from loadtests.locust.outcome import Counted, Event, Outcome

QUANTILES: Final = (50, 95, 99)


class Ruling(StrEnum):
    """``shown`` is a time that nobody is held to."""

    HOLDS = "holds"
    MISSED = "MISSED"
    SHOWN = "shown"


@dataclass(frozen=True)
class Verdict:
    """A claim, what was found, and the ruling."""

    claim: str
    found: str
    ruling: Ruling


class Target(Protocol):
    """One promise."""

    def judge(self, outcome: Outcome, *, quiet: bool) -> Verdict:
        """Hold it against what came of the load; ``quiet`` says that times count."""


def _ruling(kept: bool) -> Ruling:
    return Ruling.HOLDS if kept else Ruling.MISSED


@dataclass(frozen=True)
class Happens:
    """An event succeeds at least so often, and at most so often if that is given."""

    event: Event
    at_least: int
    at_most: int | None = None

    def judge(self, outcome: Outcome, *, quiet: bool) -> Verdict:
        """A count: quiet or not."""
        found = outcome.of(self.event).successes
        kept = self.at_least <= found and (self.at_most is None or found <= self.at_most)
        return Verdict(f"{self.event}: {self._wanted()}", f"{found:,}", _ruling(kept))

    def _wanted(self) -> str:
        if self.at_most == self.at_least:
            return f"exactly {self.at_least:,}"
        most = "" if self.at_most is None else f", at most {self.at_most:,}"
        return f"at least {self.at_least:,}{most}"


@dataclass(frozen=True)
class NothingFails:
    """At most this share (0.0-1.0) of all events fails, and the load test's own code never."""

    at_most: float = 0.0

    def judge(self, outcome: Outcome, *, quiet: bool) -> Verdict:
        """A ratio: quiet or not."""
        times = sum(one.times for one in outcome.counted)
        failures = sum(one.failures for one in outcome.counted)
        crashes = sum(outcome.crashes.values())
        kept = times > 0 and failures <= self.at_most * times and not crashes
        found = f"{failures:,} of {times:,} failed" + (f", {crashes:,} crashes" if crashes else "")
        claim = "nothing fails" if not self.at_most else f"at most {self.at_most:.2%} of all fail"
        return Verdict(claim, found, _ruling(kept))


@dataclass(frozen=True)
class Grows:
    """The processes of a role grow by at most so many MB (10^6 bytes) while all users are there."""

    role: str
    mb: float

    def judge(self, outcome: Outcome, *, quiet: bool) -> Verdict:
        """A size: quiet or not."""
        claim = f"{self.role} grows by at most {self.mb:,.0f} MB"
        if outcome.steady is None or self.role not in outcome.steady.grown_bytes:
            return Verdict(claim, "not measured", Ruling.MISSED)
        found = outcome.steady.grown_bytes[self.role] / 1e6
        return Verdict(claim, f"{found:,.1f} MB", _ruling(found <= self.mb))


@dataclass(frozen=True)
class Takes:
    """Of an event, ``quantile`` percent take at most ``ms``; the quantile is 50, 95 or 99."""

    event: Event
    ms: float
    quantile: int = 99

    def judge(self, outcome: Outcome, *, quiet: bool) -> Verdict:
        """A time: only ``quiet`` makes it count."""
        counted = outcome.of(self.event)
        found = _quantile_ms(counted, self.quantile)
        kept = counted.times > 0 and found <= self.ms
        ruling = _ruling(kept) if quiet else Ruling.SHOWN
        text = f"{found:,.0f} ms" if counted.times else "not measured"
        return Verdict(f"{self.event}: p{self.quantile} at most {self.ms:,.0f} ms", text, ruling)


def _quantile_ms(counted: Counted, quantile: int) -> float:
    by_quantile = dict(zip(QUANTILES, (counted.p50_ms, counted.p95_ms, counted.p99_ms), strict=True))
    return by_quantile[quantile]


def judged(targets: tuple[Target, ...], outcome: Outcome, *, quiet: bool) -> list[Verdict]:
    """All verdicts, in the order of the targets."""
    return [target.judge(outcome, quiet=quiet) for target in targets]


def all_kept(verdicts: list[Verdict]) -> bool:
    """Whether no target was missed."""
    return all(verdict.ruling is not Ruling.MISSED for verdict in verdicts)
