"""A chaos run from its first process to its verdict."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from actors.errors import LumiLinkError
from loadtests.chaos.client_log import ClientLog
from loadtests.chaos.conversation import Pace
from loadtests.chaos.crowd import Crowd, Place
from loadtests.chaos.gateway import Processes
from loadtests.chaos.killer import Killer
from loadtests.chaos.kills import USUAL, Kill, Weights, plan_kills
from loadtests.chaos.recovery import Recoveries
from loadtests.chaos.results import ChaosResult
from loadtests.limits import ensure_open_files
from topology.data_directory import JOURNAL
from topology.verify import Evidence, verify_files

_ARRIVE_WITHIN_S: Final = 240.0
_SPARE_FILES: Final = 500


@dataclass(frozen=True)
class Plan:
    """What to do: ``kills`` over ``duration_s`` while ``sessions`` are at work.

    Restarting the gateway takes its time beside that. After the last kill the clients have ``quiet_s`` at
    most to bring everything to its end. Kills are at least ``gap_s`` apart.
    """

    sessions: int = 1000
    kills: int = 200
    seed: int = 1
    duration_s: float = 600.0
    quiet_s: float = 180.0
    pace: Pace = field(default_factory=Pace)
    weights: Weights = field(default_factory=lambda: USUAL)
    gap_s: float = 0.0

    def planned(self) -> list[Kill]:
        """The kills."""
        return plan_kills(self.seed, self.kills, self.duration_s, self.weights, self.gap_s)


async def run_chaos(plan: Plan, folder: Path) -> ChaosResult:
    """Carry ``plan`` out in ``folder``, where all records and logs are afterwards.

    Raises a LumiLinkError where the processes do not start or the sessions cannot be opened. What goes wrong
    later is in the result.
    """
    ensure_open_files(2 * plan.sessions + _SPARE_FILES)
    start = time.monotonic()
    recoveries = Recoveries()
    processes = Processes(folder)
    clients = folder / "clients.jsonl"
    try:
        await asyncio.to_thread(processes.start_agent)
        await asyncio.to_thread(processes.start_gateway)
        with ClientLog(clients, recoveries) as log:
            crowd = Crowd(plan.sessions, plan.seed, plan.pace, Place(processes.url, str(folder)), log)
            failures = await _work(plan, crowd, processes, recoveries)
        await asyncio.to_thread(processes.stop_gateway)
    finally:
        await asyncio.to_thread(processes.end)
    evidence = Evidence(processes.data_dir / JOURNAL, [processes.agent_record], [clients])
    return ChaosResult(
        sessions=plan.sessions,
        watchers=crowd.watchers,
        planned=plan.kills,
        seconds=time.monotonic() - start,
        unfinished=crowd.unfinished,
        recoveries=recoveries,
        returns=log.returns,
        outcomes=log.outcomes,
        refusals=log.refusals,
        report=await verify_files(evidence),
        failures=[*failures, *crowd.broken()],
    )


async def _work(plan: Plan, crowd: Crowd, processes: Processes, recoveries: Recoveries) -> list[str]:
    """Everything between the start of the processes and their end; returns what went wrong."""
    failures: list[str] = []
    try:
        await crowd.arrive(_ARRIVE_WITHIN_S)
        try:
            kills = plan.planned()
            await Killer(processes, recoveries).kill_all(kills)
            await asyncio.sleep(plan.duration_s - sum(kill.after_s for kill in kills))
        except LumiLinkError as error:
            failures.append(f"{type(error).__name__}: {error}")
        await crowd.finish(plan.quiet_s)
    finally:
        await crowd.send_away()
    return failures
