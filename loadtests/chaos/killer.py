"""Killing: when the plan says so, whoever is there then."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Final

import msgspec
import psutil

from loadtests.chaos.gateway import Processes
from loadtests.chaos.kills import Kill, Victim
from loadtests.chaos.recovery import Recoveries

_FIND_WITHIN_S: Final = 20.0
_FIND_EVERY_S: Final = 0.25


class _Line(msgspec.Struct):
    at: int
    victim: Victim
    pids: list[int]


class Killer:
    """Kills processes, and writes down when (epoch milliseconds) and which, in ``kills.jsonl``."""

    def __init__(self, processes: Processes, recoveries: Recoveries) -> None:
        self._processes = processes
        self._recoveries = recoveries
        self._log = processes.folder / "kills.jsonl"

    async def kill_all(self, kills: Sequence[Kill]) -> None:
        """Kill one after the other; what of its kind does not come back within 20 s is passed over.

        Raises a LumiLinkError where the agent or the gateway does not start again.
        """
        for kill in kills:
            await asyncio.sleep(kill.after_s)
            victims = await self._find(kill)
            if victims:
                self._kill(kill.victim, victims)
                await asyncio.to_thread(self._processes.restore, kill.victim)

    async def _find(self, kill: Kill) -> list[psutil.Process]:
        deadline = time.monotonic() + _FIND_WITHIN_S
        while time.monotonic() < deadline:
            victims = await asyncio.to_thread(self._processes.find, kill.victim, kill.which)
            if victims:
                return victims
            await asyncio.sleep(_FIND_EVERY_S)
        return []

    def _kill(self, victim: Victim, processes: Sequence[psutil.Process]) -> None:
        self._recoveries.killed(victim)
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        line = _Line(time.time_ns() // 1_000_000, victim, [int(process.pid) for process in processes])
        with self._log.open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
