"""All clients of a chaos run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random
from typing import Final

from actors.errors import CapacityError
from loadtests.chaos.client import Client, Workplace
from loadtests.chaos.client_log import ClientLog
from loadtests.chaos.conversation import Driver, Pace, Watcher

_OPENING_AT_ONCE: Final = 32
_SESSIONS_A_WORKSPACE: Final = 4
_WATCHED_EVERY: Final = 10
_LEAVE_WITHIN_S: Final = 10.0


@dataclass(frozen=True)
class Place:
    """Where the sessions work: the gateway's WebSocket address and a folder."""

    url: str
    cwd: str


class Crowd:
    """``sessions`` drivers, and a watcher for every tenth. What they do at random hangs on ``seed``."""

    def __init__(self, sessions: int, seed: int, pace: Pace, place: Place, log: ClientLog) -> None:
        self._enough = asyncio.Event()
        self._seed = seed
        self._drivers = [self._driver(number, pace, place, log) for number in range(sessions)]
        self._watchers = [
            Watcher(driver, Random(f"{seed} watcher {number}"))
            for number, driver in enumerate(self._drivers)
            if number % _WATCHED_EVERY == 0
        ]
        self._tasks: set[asyncio.Task[None]] = set()

    def _driver(self, number: int, pace: Pace, place: Place, log: ClientLog) -> Driver:
        workplace = Workplace(place.url, place.cwd, f"chaos-{number // _SESSIONS_A_WORKSPACE}")
        client = Client(f"c{number}", workplace, log, Random(f"{self._seed} driver {number}"))
        return Driver(client, pace, self._enough)

    @property
    def watchers(self) -> int:
        """How many sessions are watched."""
        return len(self._watchers)

    @property
    def unfinished(self) -> int:
        """How many have not come to their end."""
        done = [driver.done for driver in self._drivers] + [watcher.done for watcher in self._watchers]
        return sum(not one.is_set() for one in done)

    async def arrive(self, within_s: float) -> None:
        """Begin all sessions, some at once. Raises CapacityError if that takes longer than ``within_s``."""
        waiting = iter(self._drivers)

        async def begin() -> None:
            for driver in waiting:
                self._tasks.add(asyncio.create_task(driver.run()))
                await driver.client.attached()

        try:
            async with asyncio.timeout(within_s), asyncio.TaskGroup() as group:
                for _ in range(_OPENING_AT_ONCE):
                    group.create_task(begin())
        except TimeoutError:
            begun = sum(bool(driver.client.session_id) for driver in self._drivers)
            raise CapacityError(f"only {begun} sessions were open after {within_s:g} s") from None
        self._tasks.update(asyncio.create_task(watcher.run()) for watcher in self._watchers)

    async def finish(self, within_s: float) -> None:
        """Let all come to their end; who has not after ``within_s`` is sent away."""
        self._enough.set()
        await asyncio.wait(self._tasks, timeout=within_s)
        await self.send_away()

    async def send_away(self) -> None:
        """End all that is still going on."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LEAVE_WITHIN_S)

    def broken(self) -> list[str]:
        """What went wrong in the clients themselves."""
        ended = [task for task in self._tasks if task.done() and not task.cancelled()]
        return [repr(error) for task in ended if (error := task.exception()) is not None]
