"""What the clients of the chaos run do: a driver prompts, and some sessions have someone who looks on."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

from actors.errors import TurnInterruptedError
from loadtests.chaos.client import Client
from loadtests.chaos.client_log import outcome_of
from loadtests.chaos.orders import Orders, random_orders

_REPEATS: Final = 0.05
_HANGS_UP: Final = 0.03
_CANCELS: Final = 0.03
_LAST: Final = Orders(updates=2)
_PAUSE_S: Final = 0.5


@dataclass(frozen=True)
class Pace:
    """Seconds between two turns of a session, and over how many the last turns are spread."""

    least_pause_s: float = 2.0
    most_pause_s: float = 15.0
    spread_s: float = 10.0


@asynccontextmanager
async def staying(client: Client) -> AsyncIterator[Client]:
    """The client is there, again and again, for the length of the block. What breaks it ends the block."""
    async with asyncio.TaskGroup() as group:
        stay = group.create_task(client.stay())
        try:
            yield client
        finally:
            stay.cancel()
            client.hang_up()


class Driver:
    """Prompts in a session of its own until ``enough``; then once more, to see the conversation complete."""

    def __init__(self, client: Client, pace: Pace, enough: asyncio.Event) -> None:
        self.client = client
        self.done = asyncio.Event()
        self._pace = pace
        self._enough = enough
        self._chance = client.chance
        self._numbers = itertools.count(1)

    async def run(self) -> None:
        """Do it. The caller sets the deadline."""
        async with staying(self.client):
            await self.client.attached()
            await self._wait(self._chance.uniform(0.0, self._pace.most_pause_s))
            while not self._enough.is_set():
                if await self._turn():
                    await self._wait(self._chance.uniform(self._pace.least_pause_s, self._pace.most_pause_s))
            await asyncio.sleep(self._chance.uniform(0.0, self._pace.spread_s))
            await self._last_turn()
            self.done.set()

    async def _turn(self) -> bool:
        """A turn; false if it was interrupted, and should be tried again at once."""
        prompt_id, text = self._new_id(), random_orders(self._chance).text()
        if self._chance.random() < _HANGS_UP:
            self.client.hang_up()
        async with asyncio.TaskGroup() as group:
            prompt = group.create_task(self.client.prompt(prompt_id, text))
            if self._chance.random() < _CANCELS:
                group.create_task(self._cancel_soon())
        answer: Mapping[str, object] = prompt.result()
        if self._chance.random() < _REPEATS:
            await self.client.prompt(prompt_id, text)
        return outcome_of(answer) != TurnInterruptedError.code

    async def _last_turn(self) -> None:
        while True:
            answer = await self.client.prompt(self._new_id(), _LAST.text())
            if outcome_of(answer) == "end_turn":
                return
            await asyncio.sleep(_PAUSE_S)

    async def _cancel_soon(self) -> None:
        await asyncio.sleep(self._chance.uniform(0.0, 1.0))
        self.client.cancel()

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._enough.wait(), seconds)
        except TimeoutError:
            return

    def _new_id(self) -> str:
        return f"{self.client.name}/p{next(self._numbers)}"


class Watcher:
    """Looks on at a driver's session from another connection until it has seen all of it."""

    def __init__(self, driver: Driver, chance: Random) -> None:
        self.done = asyncio.Event()
        self._driver = driver
        self._chance = chance

    async def run(self) -> None:
        """Do it. The caller sets the deadline."""
        driven = self._driver.client
        await driven.attached()
        client = Client(
            f"{driven.name}-watcher",
            driven.place,
            driven.log,
            self._chance,
            answers=False,
            session_id=driven.session_id,
        )
        async with staying(client):
            await self._driver.done.wait()
            await client.has_seen(driven.cursor)
        self.done.set()
