"""What the events actor does: opens the journal, keeps the feeds, and has alerts told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from actors import errors
from actors.events.contract import FeedPage, LiveEvent
from actors.events.delivery import Channel, Couriers
from actors.events.feeds import Feeds
from actors.events.mail import Mail, MailSettings
from actors.events.webhook import Webhook, WebhookSettings
from actors.journal.contract import Journal
from actors.placement.leases import Leases
from actors.placement.lives import DeadLives, new_life
from actors.protocol.capacity_alert import STATE_OF, CapacityAlert
from actors.storage import StorageSettings

log = logging.getLogger("lumilink.events")

OPEN_AGAIN_S: Final = 1.0
READY_S: Final = 10.0
NAME: Final = "events"


@dataclass(frozen=True, slots=True)
class EventsSettings:
    """Where the feeds are kept, and the channels that tell of alerts."""

    storage: StorageSettings
    webhook: WebhookSettings | None = None
    mail: MailSettings | None = None

    def channels(self) -> tuple[Channel, ...]:
        """The channels beside the feed itself."""
        found: list[Channel] = []
        if self.webhook is not None:
            found.append(Webhook(self.webhook))
        if self.mail is not None:
            found.append(Mail(self.mail))
        return tuple(found)


class EventsKeeper:
    """Makes itself useful once its journal is open; until then its methods wait, up to 10 s.

    ``open_journal`` opens the journal of the settings.
    """

    def __init__(self, settings: EventsSettings, open_journal: Callable[[], Awaitable[Journal]]) -> None:
        self._settings = settings
        self._open_journal = open_journal
        self._ready: asyncio.Future[Feeds] = asyncio.get_running_loop().create_future()
        self._couriers: Couriers | None = None

    async def run(self) -> None:
        """Open the journal, then tell alerts and keep the leases, for as long as the process lives."""
        channels = self._settings.channels()
        journal = await self._journal()
        storage = self._settings.storage
        life = new_life(storage.gateway, NAME)
        leases = Leases(journal, life, DeadLives(life, exclusive=storage.is_exclusive))
        feeds = Feeds(journal, leases, [channel.name for channel in channels])
        self._couriers = Couriers(channels, feeds)
        self._ready.set_result(feeds)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(leases.keep())
                group.create_task(self._couriers.run())
        finally:
            await _let_go(feeds, journal)

    async def post(self, events: Sequence[LiveEvent]) -> None:
        """See ``Feeds.post``."""
        await (await self._feeds()).post(events)
        if self._couriers is not None and any(event.name in STATE_OF for event in events):
            self._couriers.wake()

    async def read(self, installation: str, after_seq: int | None, wait_s: float) -> FeedPage:
        """See ``Feeds.read``."""
        return await (await self._feeds()).read(installation, after_seq, wait_s)

    async def alerts(self, installation: str) -> list[CapacityAlert]:
        """See ``Feeds.alerts``."""
        return await (await self._feeds()).alerts(installation)

    async def open_alerts(self) -> list[CapacityAlert]:
        """See ``Feeds.open_alerts``."""
        return await (await self._feeds()).open_alerts()

    async def _journal(self) -> Journal:
        while True:
            try:
                return await self._open_journal()
            except errors.JournalUnavailableError as error:
                log.warning("events cannot be kept yet: %s", error)
            await asyncio.sleep(OPEN_AGAIN_S)

    async def _feeds(self) -> Feeds:
        try:
            async with asyncio.timeout(READY_S):
                return await asyncio.shield(self._ready)
        except TimeoutError:
            raise errors.JournalUnavailableError("the events' journal is not open yet", 2.0) from None


async def _let_go(feeds: Feeds, journal: Journal) -> None:
    try:
        await feeds.close()
        await journal.close()
    except errors.JournalUnavailableError as error:
        log.warning("the events' lease runs out by itself: %s", error)
