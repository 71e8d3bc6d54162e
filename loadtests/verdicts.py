"""The targets that LumiLink sets itself, held against the figures. A miss is shown, never hidden."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.figures import (
    Spread,
    carried_percent,
    difference,
    in_phase,
    memory_kb,
    number,
    paired,
    phase_of,
    ratio,
    ready_s,
    spread,
)
from loadtests.results import PhaseResult, TrialResult
from loadtests.targets import LUMILINK, RELAY, SDK_GATEWAY, WORKER

SLOW = "open 1/s"
FAST = "open 10/s"

_ADDED_P99_MS = 10.0
_P99_MS = 30.0
_CARRIED_PERCENT = 99.0
_OF_RELAY = 0.8
_OF_SDK = 5.0
_WORKER_KB = 100.0
_READY_S = 25.0


@dataclass(frozen=True)
class Verdict:
    """One target: what is claimed, what was found, whether it holds; what was not measured does not."""

    claim: str
    figure: str
    passed: bool


def judge(trials: Sequence[TrialResult], sessions: int, closed_name: str) -> list[Verdict]:
    """All targets against ``trials``, in which every target was loaded with ``sessions`` sessions."""
    us = [trial for trial in trials if trial.target == LUMILINK.name]
    p99 = in_phase(SLOW, lambda phase: phase.latency.p99_ms)
    fast_p99 = spread(us, LUMILINK.name, in_phase(FAST, lambda phase: phase.latency.p99_ms))
    throughput = in_phase(closed_name, lambda phase: phase.per_second)
    load = f"{sessions:,} sessions"
    return [
        _none_lost(us, load),
        _at_most(
            f"{load}, 1 update/s: p99 less than {_ADDED_P99_MS:g} ms over the relay's",
            paired(trials, LUMILINK.name, RELAY.name, p99, difference),
            _ADDED_P99_MS,
            "ms",
        ),
        _all_carried(us, load),
        _at_most(f"{load}, 10 updates/s: p99 below {_P99_MS:g} ms", fast_p99, _P99_MS, "ms"),
        _at_least(
            f"{closed_name}: at least {_OF_RELAY:.0%} of the relay's updates/s",
            paired(trials, LUMILINK.name, RELAY.name, throughput, ratio),
            _OF_RELAY,
        ),
        _at_least(
            f"{closed_name}: at least {_OF_SDK:g} times the SDK gateway's updates/s",
            paired(trials, LUMILINK.name, SDK_GATEWAY.name, throughput, ratio),
            _OF_SDK,
        ),
        _at_most(
            f"at most {_WORKER_KB:g} KB a session in the worker",
            spread(us, LUMILINK.name, memory_kb(WORKER)),
            _WORKER_KB,
            "KB",
        ),
        _at_most(f"ready within {_READY_S:g} s", spread(us, LUMILINK.name, ready_s), _READY_S, "s"),
    ]


def _none_lost(us: Sequence[TrialResult], load: str) -> Verdict:
    claim = f"{load} open at once: none refused, none dropped; every update once and in order"
    loads = [trial.load for trial in us if trial.load is not None]
    if not loads or len(loads) < len(us):
        return Verdict(claim, _why_not(us), passed=False)
    refused = sum(one.asked - one.opened for one in loads)
    dropped = sum(one.dropped for one in loads)
    phases = [phase for one in loads for phase in one.phases]
    missing = sum(phase.missing for phase in phases)
    doubled = sum(phase.doubled for phase in phases)
    reordered = sum(phase.reordered for phase in phases)
    served = not refused and not dropped and all(phase.served for phase in phases)
    found = (
        f"{refused} refused, {dropped} dropped; {missing} missing, {doubled} doubled, {reordered} reordered"
    )
    return Verdict(claim, f"{found}; turns: {_turns(phases)}", served)


def _all_carried(us: Sequence[TrialResult], load: str) -> Verdict:
    claim = f"{load}, 10 updates/s: all carried (at least {_CARRIED_PERCENT:g} % in the window, none missing)"
    phases = [phase_of(trial, FAST) for trial in us]
    carried = spread(us, LUMILINK.name, in_phase(FAST, carried_percent))
    if carried is None or None in phases:
        return Verdict(claim, _why_not(us), passed=False)
    missing = sum(phase.missing for phase in phases if phase is not None)
    passed = carried.low >= _CARRIED_PERCENT and not missing
    return Verdict(claim, f"{carried.text()} %, {missing} missing", passed)


def _at_most(claim: str, found: Spread | None, limit: float, unit: str) -> Verdict:
    if found is None:
        return Verdict(claim, "not measured", passed=False)
    return Verdict(claim, f"{found.text()} {unit}", found.median <= limit)


def _at_least(claim: str, found: Spread | None, limit: float) -> Verdict:
    if found is None:
        return Verdict(claim, "not measured", passed=False)
    return Verdict(claim, f"{found.text()} times", found.median >= limit)


def _why_not(us: Sequence[TrialResult]) -> str:
    reasons = [trial.failure for trial in us if trial.failure]
    return f"not measured: {reasons[0]}" if reasons else "not measured"


def _turns(phases: Sequence[PhaseResult]) -> str:
    counts = sum((Counter(phase.turns) for phase in phases), Counter[str]())
    return ", ".join(f"{number(count)} {outcome}" for outcome, count in sorted(counts.items()))
