"""The chaos run in short: kills of each kind while sessions are at work, and not one event amiss."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.chaos.conversation import Pace
from loadtests.chaos.kills import Victim
from loadtests.chaos.results import rows
from loadtests.chaos.run import Plan, run_chaos

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(150, func_only=True),
]

PLAN = Plan(
    sessions=30,
    kills=11,
    seed=1,
    duration_s=20.0,
    quiet_s=40.0,
    pace=Pace(least_pause_s=0.5, most_pause_s=3.0, spread_s=2.0),
    weights={
        Victim.WORKER: 3,
        Victim.INGRESS: 2,
        Victim.HAPROXY: 1,
        Victim.CAPACITY: 1,
        Victim.AGENT: 1,
        Victim.POOL: 1,
        Victim.PROJECTOR: 1,
        Victim.EVENTS: 1,
    },
)


async def test_nothing_is_lost_doubled_reordered_or_unanswered_while_processes_are_killed(
    tmp_path: Path,
) -> None:
    result = await run_chaos(PLAN, tmp_path)
    told = "\n".join([f"{name}: {value}" for name, value in rows(result)] + list(result.report.lines()))

    assert (result.lost, result.doubled, result.reordered, result.unanswered) == (0, 0, 0, 0), told
    assert result.is_clean, told
    assert result.recoveries.kills.total() == PLAN.kills, told
    assert result.outcomes["end_turn"] >= PLAN.sessions, told
