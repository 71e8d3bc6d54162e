"""The relay: brings messages from the outbox to the broker, in their order, at least once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from msgspec import Struct

from actors import errors
from actors.records.outgoing import OutgoingBox, Waiting

log = logging.getLogger("lumilink.analytics")

WINDOW: Final = 500
"""Messages on their way at a time: so many come twice at most, where the relay dies."""
LOOK_EVERY_S: Final = 1.0
FIGURES_EVERY_S: Final = 5.0
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 15.0


class Refusal(Struct, frozen=True):
    """The broker will never take it, and why."""

    reason: str


class Sender(Protocol):
    """A way to a broker."""

    async def send(
        self, messages: Sequence[Waiting], sent: Callable[[Waiting, Refusal | None], None]
    ) -> None:
        """Send in order; ``sent`` is told of each what became of it.

        What it is not told of stays where it is, and is sent again. Raises BrokerUnavailableError.
        """
        ...

    async def aclose(self) -> None:
        """Let go of the broker."""
        ...


class RelayFigures(Struct, frozen=True):
    """``sent`` and ``refused`` since the start; ``oldest_s`` is how long the first has waited, seconds."""

    waiting: int = 0
    oldest_s: float = 0.0
    dead: int = 0
    sent: int = 0
    refused: int = 0


class Relay:
    """Empties one outbox. A second one does no harm: what both send has the same id."""

    def __init__(self, box: OutgoingBox, sender: Sender, window: int = WINDOW) -> None:
        self._box = box
        self._sender = sender
        self._window = window
        self._filled = asyncio.Event()
        self._sent = self._refused = 0
        self._waiting, self._oldest, self._dead = 0, datetime.now(UTC), 0

    def filled(self) -> None:
        """There is something in the outbox."""
        self._filled.set()

    def figures(self) -> RelayFigures:
        """How it fares; what waits is counted every 5 s."""
        oldest_s = (datetime.now(UTC) - self._oldest).total_seconds() if self._waiting else 0.0
        return RelayFigures(self._waiting, max(0.0, oldest_s), self._dead, self._sent, self._refused)

    async def run(self) -> None:
        """Send what comes, for as long as the process lives."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._work())
                group.create_task(self._count())
        finally:
            await self._sender.aclose()

    async def step(self) -> int:
        """Send a window of what waits; returns how many were taken out of the outbox.

        Raises BrokerUnavailableError and JournalUnavailableError.
        """
        waiting = await self._box.first(self._window)
        if not waiting:
            return 0
        done: list[int] = []
        refused: list[tuple[Waiting, Refusal]] = []

        def settle(one: Waiting, refusal: Refusal | None) -> None:
            if refusal is None:
                done.append(one.number)
            else:
                refused.append((one, refusal))

        try:
            await self._sender.send(waiting, settle)
        finally:
            await self._settle(done, refused)
        return len(done) + len(refused)

    async def _settle(self, done: Sequence[int], refused: Sequence[tuple[Waiting, Refusal]]) -> None:
        if done:
            await self._box.sent(done)
            self._sent += len(done)
        for one, refusal in refused:
            await self._box.refuse(one.number, refusal.reason)
            self._refused += 1
            log.error("%s is a dead letter: %s", one.message.message_id, refusal.reason)

    async def _work(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            self._filled.clear()
            try:
                while await self.step():
                    pause = FIRST_PAUSE_S
            except errors.LumiLinkError as error:
                log.warning("analytics wait: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
                continue
            await self._wait()

    async def _wait(self) -> None:
        # Another projector may have written; so it is looked at now and then, told or not.
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._filled.wait()
        except TimeoutError:
            return

    async def _count(self) -> None:
        while True:
            try:
                found = await self._box.figures()
                self._waiting, self._dead = found.waiting, found.dead
                self._oldest = found.oldest or self._oldest
            except errors.JournalUnavailableError as error:
                log.debug("what waits is counted later: %s", error)
            await asyncio.sleep(FIGURES_EVERY_S)
