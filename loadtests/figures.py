"""From trials to figures: what is read from one trial, medians over rounds, ratios within a round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from loadtests.results import PhaseResult, TrialResult
from loadtests.targets import AGENT, CONTROL, HAPROXY, INGRESS, SERVER, WORKER
from loadtests.watch import ELSEWHERE, OWN_ROLE

_PARTS: Final = (HAPROXY, INGRESS, WORKER)

Reading = Callable[[TrialResult], float | None]
"""One number of one trial; None where the trial has none."""


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of the rounds."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float | None]) -> Spread | None:
        """The spread of what is there; None where nothing is."""
        known = [value for value in values if value is not None]
        return Spread(median(known), min(known), max(known)) if known else None

    def text(self) -> str:
        """``median (low to high)``, or the median alone where all are equal."""
        if number(self.low) == number(self.high):
            return number(self.median)
        return f"{number(self.median)} ({number(self.low)} to {number(self.high)})"


@dataclass(frozen=True)
class Row:
    """One line of the table; ``compared`` where a ratio between targets says something."""

    title: str
    reading: Reading
    compared: bool = True


def number(value: float) -> str:
    """``value`` with three digits, or with all that stand before its point."""
    rounded = float(f"{value:.3g}")
    if rounded == 0 or abs(rounded) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(rounded) >= 10 else f"{value:.2f}"


def spread(trials: Sequence[TrialResult], target: str, reading: Reading) -> Spread | None:
    """``reading`` over all trials of ``target``."""
    return Spread.of([reading(trial) for trial in trials if trial.target == target])


def paired(
    trials: Sequence[TrialResult],
    first: str,
    second: str,
    reading: Reading,
    combine: Callable[[float, float], float],
) -> Spread | None:
    """``combine(first, second)`` of the readings of two targets, round by round."""
    by_round = {(trial.target, trial.round): reading(trial) for trial in trials}
    values: list[float | None] = []
    for (target, index), one in by_round.items():
        other = by_round.get((second, index))
        if target == first and one is not None and other is not None:
            values.append(combine(one, other))
    return Spread.of(values)


def ratio(first: float, second: float) -> float:
    """``first`` as a multiple of ``second``; infinite where that is 0."""
    return first / second if second else float("inf")


def difference(first: float, second: float) -> float:
    """``first`` minus ``second``."""
    return first - second


def phase_of(trial: TrialResult, name: str) -> PhaseResult | None:
    """The phase called ``name``; None where the trial did not come so far."""
    phases = trial.load.phases if trial.load else []
    return next((phase for phase in phases if phase.name == name), None)


def in_phase(name: str, read: Callable[[PhaseResult], float | None]) -> Reading:
    """A reading of one phase."""

    def reading(trial: TrialResult) -> float | None:
        phase = phase_of(trial, name)
        return None if phase is None else read(phase)

    return reading


def ready_s(trial: TrialResult) -> float | None:
    """Seconds from the command to the ``ready`` line."""
    return trial.ready_s


def opened(trial: TrialResult) -> float | None:
    """Sessions that opened and stayed open."""
    return trial.load.opened - trial.load.dropped if trial.load else None


def open_s(trial: TrialResult) -> float | None:
    """Seconds until all sessions were open."""
    return trial.load.open_s if trial.load else None


def memory_kb(role: str) -> Reading:
    """Growth of the resident set of ``role`` a session, in KB of 1,000 bytes."""

    def reading(trial: TrialResult) -> float | None:
        if trial.load is None or not trial.load.opened or role not in trial.load.memory_bytes:
            return None
        return trial.load.memory_bytes[role] / trial.load.opened / 1000

    return reading


def foreign_cores(trials: Sequence[TrialResult]) -> Spread | None:
    """How many cores the rest of the machine used while it was measured."""
    phases = [phase for trial in trials if trial.load for phase in trial.load.phases]
    return Spread.of([max(0.0, phase.cpu_s.get(ELSEWHERE, 0.0)) / phase.seconds for phase in phases])


def rows(open_names: Sequence[str], closed_names: Sequence[str]) -> list[Row]:
    """All lines of the table for phases of these names."""
    table = [
        Row("seconds to ready", ready_s, compared=False),
        Row("sessions open at once", opened, compared=False),
        Row("seconds to open them all", open_s),
        Row("memory a session, all on the path, KB", memory_kb(SERVER)),
        Row("memory a session, worker, KB", memory_kb(WORKER)),
    ]
    for name in open_names:
        table += _open_rows(name)
    for name in closed_names:
        table += [
            Row(f"{name}: updates/s", in_phase(name, lambda phase: phase.per_second)),
            Row(f"{name}: missing, doubled, reordered", in_phase(name, _wrong), compared=False),
            Row(f"{name}: CPU an update, us", _cpu_us(name, SERVER)),
            *(Row(f"{name}: of that {role}, us", _cpu_us(name, role), compared=False) for role in _PARTS),
        ]
    return table


def _open_rows(name: str) -> list[Row]:
    late = in_phase(name, lambda phase: phase.agent_late_p99_ms)
    return [
        Row(f"{name}: carried, %", in_phase(name, carried_percent), compared=False),
        Row(f"{name}: missing, doubled, reordered", in_phase(name, _wrong), compared=False),
        Row(f"{name}: p50, ms", _steady(name, lambda phase: phase.latency.p50_ms)),
        Row(f"{name}: p99, ms", _steady(name, lambda phase: phase.latency.p99_ms)),
        Row(f"{name}: p99.9, ms", _steady(name, lambda phase: phase.latency.p999_ms)),
        Row(f"{name}: CPU an update, us", _cpu_us(name, SERVER)),
        *(Row(f"{name}: of that {role}, us", _cpu_us(name, role), compared=False) for role in _PARTS),
        Row(f"{name}: all else that it runs, cores", in_phase(name, _control_cores), compared=False),
        Row(f"{name}: CPU of generator, us", _cpu_us(name, OWN_ROLE), compared=False),
        Row(f"{name}: CPU of stub agent, us", _cpu_us(name, AGENT), compared=False),
        Row(f"{name}: stub agent late, p99, ms", late, compared=False),
    ]


def carried_percent(phase: PhaseResult) -> float | None:
    """Updates that arrived in the window, in % of those that the schedule puts there."""
    return phase.carried / phase.offered * 100 if phase.offered else None


def _steady(name: str, read: Callable[[PhaseResult], float | None]) -> Reading:
    """A reading of one phase that means nothing where the target was overloaded: it grows with the run."""
    return in_phase(name, lambda phase: read(phase) if phase.kept_up else None)


def _cpu_us(name: str, role: str) -> Reading:
    return in_phase(name, lambda phase: phase.cpu_us(role))


def _control_cores(phase: PhaseResult) -> float | None:
    return phase.cpu_s[CONTROL] / phase.seconds if CONTROL in phase.cpu_s else None


def _wrong(phase: PhaseResult) -> float:
    return phase.missing + phase.doubled + phase.reordered
