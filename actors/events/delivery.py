"""Telling people of alerts: each channel tells what the feeds' records say that it has not told yet."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from actors import errors
from actors.events.record import Delivery
from actors.journal.clock import epoch_ms

log = logging.getLogger("lumilink.events")

TRIES: Final = 5
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
JOURNAL_PAUSE_S: Final = 5.0
LOOK_AGAIN_S: Final = 60.0


class NotDeliveredError(Exception):
    """An attempt failed. ``lasting``: another would fail too. The text holds no secret and no address."""

    def __init__(self, detail: str, *, lasting: bool = False) -> None:
        super().__init__(detail)
        self.lasting = lasting


class Channel(Protocol):
    """A way to tell people of an alert; ``name`` is that in ``notificationChannels``."""

    @property
    def name(self) -> str:
        """As in the record."""

    async def deliver(self, delivery: Delivery) -> None:
        """One attempt, each step of which has 10 s. Raises NotDeliveredError."""


class Untold(Protocol):
    """Where the deliveries are kept; ``Feeds`` is one."""

    async def untold(self, channel: str) -> list[tuple[str, Delivery]]:
        """See ``Feeds.untold``."""

    async def told(self, installation: str, delivery: Delivery, *, reached: bool, at: int) -> None:
        """See ``Feeds.told``."""


class Courier:
    """Delivers by one channel, in order, each alert in up to five tries."""

    def __init__(
        self, channel: Channel, untold: Untold, jitter: Callable[[float], float] | None = None
    ) -> None:
        self._channel = channel
        self._untold = untold
        self._jitter = jitter or _half_to_whole
        self._asked = asyncio.Event()

    def wake(self) -> None:
        """There may be something to tell."""
        self._asked.set()

    async def run(self) -> None:
        """Deliver, for as long as the process lives; at first what an earlier one did not come to."""
        while True:
            self._asked.clear()
            try:
                await self.deliver_all()
            except errors.LumiLinkError as error:
                log.warning("%s: alerts are told later: %s", self._channel.name, error)
                await asyncio.sleep(JOURNAL_PAUSE_S)
                continue
            try:
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._asked.wait()
            except TimeoutError:
                continue

    async def deliver_all(self) -> None:
        """Tell what is there to be told now. Raises what ``Feeds`` raises."""
        for installation, delivery in await self._untold.untold(self._channel.name):
            reached = await self._try(delivery)
            await self._untold.told(installation, delivery, reached=reached, at=epoch_ms())

    async def _try(self, delivery: Delivery) -> bool:
        for pause in pauses():
            try:
                await self._channel.deliver(delivery)
                return True
            except NotDeliveredError as error:
                log.warning("%s: alert %s: %s", self._channel.name, delivery.key, error)
                if error.lasting or pause is None:
                    break
            await asyncio.sleep(self._jitter(pause))
        log.error("%s: nobody was told of alert %s", self._channel.name, delivery.key)
        return False


class Couriers:
    """One for each channel, all of them one task's."""

    def __init__(self, channels: Sequence[Channel], untold: Untold) -> None:
        self._couriers = [Courier(channel, untold) for channel in channels]

    def wake(self) -> None:
        """There may be something to tell."""
        for courier in self._couriers:
            courier.wake()

    async def run(self) -> None:
        """Deliver, for as long as the process lives."""
        async with asyncio.TaskGroup() as group:
            for courier in self._couriers:
                group.create_task(courier.run())


def pauses() -> Iterator[float | None]:
    """The pause after each try, in seconds; None after the last."""
    for number in range(TRIES - 1):
        yield min(FIRST_PAUSE_S * 4**number, LONGEST_PAUSE_S)
    yield None


def _half_to_whole(pause: float) -> float:
    # Not a secret: it only keeps many senders from coming back at the same moment.
    return pause * random.uniform(0.5, 1.0)  # noqa: S311
