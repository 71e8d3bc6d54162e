"""The load of ``loadtests.automating``: sessions whose turns become automations, and others that stream."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import psutil

from loadtests.automating_figures import Figures, runs_of, stream_faults, streaming
from loadtests.automating_forge import ForgeAccount
from loadtests.automating_session import AutomatedSession
from loadtests.client_session import ClientSession, Tally
from loadtests.results import AgentReport
from loadtests.targets import WORKER
from loadtests.watch import ELSEWHERE, ProcessWatch, growth
from loadtests.wire import Orders

FORGE: Final = "stand-in"
"""Role of the stand-in of GitHub."""

_RUN_GIT: Final = (WORKER, FORGE)
_OPEN_WITHIN_S: Final = 60.0
_OPENING_AT_ONCE: Final = 16
_SETTLE_S: Final = 5.0
_LATE_S: Final = 2.0
_STREAM: Final = Orders(updates=1_000_000, interval=1.0)


@dataclass(frozen=True)
class Plan:
    """``sessions`` are prompted within ``within_s`` seconds, while ``streams`` others get an update a second.
    One of them goes first, alone.

    The stand-in takes ``calls`` and makes ``contents`` a minute; None: any number. Of the gateway's runs
    ``parallel`` go on at a time. Streams are watched for ``before_s`` seconds before, and all ends after
    ``limit_s``.
    """

    sessions: int = 1000
    streams: int = 100
    repositories: int = 20
    within_s: float = 60.0
    before_s: float = 30.0
    limit_s: float = 900.0
    parallel: int = 4
    calls: int | None = 1200
    contents: int | None = None


@dataclass(frozen=True)
class Stack:
    """What runs: where it is reached, and its processes by role."""

    url: str
    agent: str
    roles: Mapping[str, Sequence[int]]


class CpuWatch:
    """CPU seconds by role since it was made, with those of the git commands that a role has run."""

    def __init__(self, roles: Mapping[str, Sequence[int]]) -> None:
        self._roles = roles
        self._watch = ProcessWatch(roles)
        self._began = self._spent()

    def spent_s(self) -> dict[str, float]:
        """Seconds by role."""
        spent = growth(self._began, self._spent())
        # To psutil they are processes of nobody's.
        spent[ELSEWHERE] -= sum(spent[f"git of {role}"] for role in _RUN_GIT)
        return spent

    def _spent(self) -> dict[str, float]:
        git = {f"git of {role}": _of_children(self._roles[role]) for role in _RUN_GIT}
        return {**self._watch.cpu_s(), **git}


def _of_children(pids: Sequence[int]) -> float:
    """What children that have ended took."""
    spent = 0.0
    for pid in pids:
        with suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            spent += times.children_user + times.children_system
    return spent


async def drive(plan: Plan, stack: Stack, account: ForgeAccount, places: Sequence[Path]) -> Figures:
    """Open all sessions, measure, and close them. ``places`` has a folder for each session, the last of them
    for those that stream.
    """
    automated = [AutomatedSession() for _ in range(plan.sessions)]
    streams = [ClientSession() for _ in range(plan.streams)]
    try:
        await _open([*automated, *streams], stack.url, places)
        for stream in streams:
            stream.prompt(_STREAM)
            await asyncio.sleep(_STREAM.interval / len(streams))
        await asyncio.sleep(_SETTLE_S)
        gc.collect()
        gc.freeze()
        return await _measure(plan, stack, account, automated, streams)
    finally:
        for session in (*automated, *streams):
            session.close()


async def _measure(
    plan: Plan,
    stack: Stack,
    account: ForgeAccount,
    automated: Sequence[AutomatedSession],
    streams: Sequence[ClientSession],
) -> Figures:
    """Watch the streams, have the turns, and count."""
    await _lateness(stack.agent)
    first = _watched(streams)
    # What only a worker's first run does is told by itself.
    await _all_turns(plan, automated[:1])
    late_first = await _lateness(stack.agent)
    await asyncio.sleep(_SETTLE_S)
    before = _watched(streams)
    await asyncio.sleep(plan.before_s)
    late_before = await _lateness(stack.agent)
    during, cpu, began_s = _watched(streams), CpuWatch(stack.roles), time.monotonic()
    await _all_turns(plan, automated[1:])
    during.end_ns = time.monotonic_ns()
    cpu_s, late_during = cpu.spent_s(), await _lateness(stack.agent)
    await asyncio.sleep(_LATE_S)
    return Figures(
        runs=runs_of(automated, began_s),
        found=await asyncio.to_thread(account.found),
        first=streaming(plan.streams, first, late_first),
        before=streaming(plan.streams, before, late_before),
        during=streaming(plan.streams, during, late_during),
        stream_faults=stream_faults(streams),
        parallel=plan.parallel,
        cpu_s=cpu_s,
    )


async def _open(sessions: Sequence[ClientSession], url: str, places: Sequence[Path]) -> None:
    gate = asyncio.Semaphore(_OPENING_AT_ONCE)

    async def open_one(session: ClientSession, place: Path) -> None:
        async with gate:
            await session.open(f"{url.replace('http', 'ws', 1)}/acp", str(place), _OPEN_WITHIN_S)

    await asyncio.gather(*map(open_one, sessions, places))


def _watched(streams: Sequence[ClientSession]) -> Tally:
    """Count the updates of all streams from now on together."""
    tally = Tally(time.monotonic_ns(), sys.maxsize)
    for stream in streams:
        stream.tally = tally
    return tally


async def _all_turns(plan: Plan, sessions: Sequence[AutomatedSession]) -> None:
    """Prompt them evenly over the time, and wait for every summary; what is pending then is counted so."""
    began = time.monotonic()

    async def turn(number: int, session: AutomatedSession) -> None:
        await asyncio.sleep(began + plan.within_s * number / len(sessions) - time.monotonic())
        await session.turn()

    with suppress(TimeoutError):
        async with asyncio.timeout(plan.limit_s), asyncio.TaskGroup() as turns:
            for number, session in enumerate(sessions):
                turns.create_task(turn(number, session))


async def _lateness(agent: str) -> float | None:
    """How late the agent itself was since it was last asked, p99 in ms."""
    session = ClientSession()
    try:
        async with asyncio.timeout(_OPEN_WITHIN_S):
            await session.connect(agent)
            answer = await session.ask("_bench/report", {})
    finally:
        session.close()
    return msgspec.json.decode(answer.result, type=AgentReport).late_p99_ms
