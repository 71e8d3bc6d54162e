"""Trials made by hand, for tests of figures and verdicts."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from loadtests.results import GeneratorResult, Latency, PhaseResult, TrialResult

SESSIONS = 1000


def phase(name: str, per_second: float, p99_ms: float, **changes: Any) -> PhaseResult:
    """A phase of 10 s that carried all it was offered, with 1 s of CPU for every role."""
    carried = int(per_second * 10)
    whole = PhaseResult(
        name=name,
        sessions=SESSIONS,
        seconds=10,
        offered=None if name.startswith("closed") else carried,
        carried=carried,
        latency=Latency(1.0, p99_ms, p99_ms, p99_ms),
        missing=0,
        doubled=0,
        reordered=0,
        turns={"end_turn": SESSIONS},
        cpu_s={"server": 1.0, "worker": 1.0, "elsewhere": 0.1},
        agent_late_p99_ms=1.0,
    )
    return replace(whole, **changes)


def trial(
    target: str, number: int = 1, closed: float = 10_000, p99_ms: float = 5, **changes: Any
) -> TrialResult:
    """A whole trial; ``changes`` are to its load."""
    load = GeneratorResult(
        url="ws://127.0.0.1:1/acp",
        asked=SESSIONS,
        opened=SESSIONS,
        refused={},
        dropped=0,
        open_s=1.0,
        memory_bytes={"server": 50_000 * SESSIONS, "worker": 20_000 * SESSIONS},
        phases=[
            phase("open 1/s", SESSIONS, p99_ms),
            phase("closed 100", closed, p99_ms),
            phase("open 10/s", 10 * SESSIONS, p99_ms),
        ],
    )
    return TrialResult(target=target, round=number, ready_s=10.0, load=replace(load, **changes))
