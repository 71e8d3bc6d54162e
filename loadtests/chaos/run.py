"""A chaos run from its first process to its verdict."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from actors.errors import LumiLinkError
from loadtests.chaos.client_log import ClientLog
from loadtests.chaos.conversation import Pace
from loadtests.chaos.crowd import Crowd, Place
from loadtests.chaos.gateway import Processes
from loadtests.chaos.kills import USUAL, Kill, Weights, plan_kills
from loadtests.chaos.recovery import Recoveries
from loadtests.chaos.results import ChaosResult
from loadtests.limits import ensure_open_files
from topology.verify import JOURNAL_FILE, Evidence, verify_files

_ARRIVE_WITHIN_S: Final = 240.0
_FIND_WITHIN_S: Final = 20.0
_FIND_EVERY_S: Final = 0.25
_SPARE_FILES: Final = 500


@dataclass(frozen=True)
class Plan:
    """What to do: ``kills`` over ``duration_s`` while ``sessions`` are at work.

    Restarting the gateway takes its time beside that. After the last kill the clients have ``quiet_s`` at
    most to bring everything to its end.
    """

    sessions: int = 1000
    kills: int = 200
    seed: int = 1
    duration_s: float = 600.0
    quiet_s: float = 180.0
    pace: Pace = field(default_factory=Pace)
    weights: Weights = USUAL

    def planned(self) -> list[Kill]:
        """The kills."""
        return plan_kills(self.seed, self.kills, self.duration_s, self.weights)


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
    evidence = Evidence(processes.data_dir / JOURNAL_FILE, [processes.agent_record], [clients])
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
            await _kill_all(plan.planned(), processes, recoveries)
        except LumiLinkError as error:
            failures.append(f"{type(error).__name__}: {error}")
        await crowd.finish(plan.quiet_s)
    finally:
        await crowd.send_away()
    return failures


async def _kill_all(kills: Sequence[Kill], processes: Processes, recoveries: Recoveries) -> None:
    """Kill one after the other; what of its kind does not come back within 20 s is passed over."""
    for kill in kills:
        await asyncio.sleep(kill.after_s)
        victims = await _find(kill, processes)
        if victims:
            recoveries.killed(kill.victim)
            for process in victims:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            await asyncio.to_thread(processes.restore, kill.victim)


async def _find(kill: Kill, processes: Processes) -> list[psutil.Process]:
    deadline = time.monotonic() + _FIND_WITHIN_S
    while time.monotonic() < deadline:
        victims = await asyncio.to_thread(processes.find, kill.victim, kill.which)
        if victims:
            return victims
        await asyncio.sleep(_FIND_EVERY_S)
    return []
