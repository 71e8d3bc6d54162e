"""A gateway with metrics beside the same without, at equal load: ``python -m loadtests.metered``.

Both in turns, round by round, so that what else the machine does falls on both. With ``metrics`` off no
process tells what it counts and nobody is asked; counting stays on, and ``loadtests.scrape`` measures that.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from loadtests.figures import Reading, Spread, in_phase, paired, ratio, spread
from loadtests.measure import Load, end_on_sigterm, ensure_room, run_trial
from loadtests.phases import ClosedLoop
from loadtests.results import TrialResult
from loadtests.targets import LUMILINK, SERVER, Target
from loadtests.verdicts import FAST

OPEN: Final = "open:10:6"
CLOSED: Final = ClosedLoop(100, 6.0)
SESSIONS: Final = 300


def _without_metrics(port: int, agent: str, data_dir: Path) -> list[str]:
    assert LUMILINK.command is not None
    return ["env", "LUMILINK_METRICS=false", *LUMILINK.command(port, agent, data_dir)]


UNMETERED: Final[Target] = replace(LUMILINK, name="lumilink-unmetered", command=_without_metrics)
READINGS: Final[dict[str, Reading]] = {
    "updates_per_s": in_phase(CLOSED.name, lambda phase: phase.per_second),
    "p50_ms": in_phase(FAST, lambda phase: phase.latency.p50_ms),
    "p99_ms": in_phase(FAST, lambda phase: phase.latency.p99_ms),
    "cpu_us": in_phase(FAST, lambda phase: phase.cpu_us(SERVER)),
}


def run(rounds: int) -> list[TrialResult]:
    """Both targets in every round, the first of one being the second of the next."""
    load = Load(SESSIONS, (OPEN, f"closed:{CLOSED.sessions}:{CLOSED.seconds:g}"))
    pair = [LUMILINK, UNMETERED]
    return [
        run_trial(target, load, number)
        for number in range(1, rounds + 1)
        for target in (pair if number % 2 else reversed(pair))
    ]


def summary(trials: Sequence[TrialResult]) -> dict[str, dict[str, str]]:
    """Each figure with metrics, without, and the one as a multiple of the other within a round."""
    return {
        name: {
            "on": _text(spread(trials, LUMILINK.name, reading)),
            "off": _text(spread(trials, UNMETERED.name, reading)),
            "ratio": _text(paired(trials, LUMILINK.name, UNMETERED.name, reading, ratio)),
        }
        for name, reading in READINGS.items()
    }


def _text(found: Spread | None) -> str:
    return "-" if found is None else found.text()


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    end_on_sigterm()
    ensure_room(SESSIONS)
    trials = run(parser.parse_args().rounds)
    failed = [f"{trial.target}: {trial.failure}" for trial in trials if trial.failure]
    print(json.dumps({**summary(trials), "failed": failed}, indent=1))


if __name__ == "__main__":
    main()
