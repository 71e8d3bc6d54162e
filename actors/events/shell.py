"""The Ray actor around the feeds: one for the cluster, found by name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, cast

from ray.actor import ActorHandle

from actors.events.client import EVENTS_NAME
from actors.events.contract import FeedPage, LiveEvent
from actors.events.keeper import EventsKeeper, EventsSettings
from actors.metrics.catalogue import LIVE_EVENTS
from actors.metrics.client import start_telling
from actors.metrics.meters import meters
from actors.metrics.metric import Role
from actors.protocol.capacity_alert import CapacityAlert
from actors.shells import end_process_if_it_fails, start_named
from actors.storage import open_journal

log = logging.getLogger("lumilink.events")

STOP_DEADLINE_S: Final = 5.0


class EventsShell:
    """Reached by whoever posts and by the reporting replicas, which read for their clients."""

    def __init__(self, settings: EventsSettings) -> None:
        # What httpx tells of each request names its URL, and that may hold a token.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        storage = settings.storage
        self._keeper = EventsKeeper(settings, lambda: open_journal(storage.journal, storage.durability))
        self._running = asyncio.get_running_loop().create_task(self._keeper.run(), name="keep events")
        end_process_if_it_fails(self._running, log)
        self._measuring = start_telling(Role.EVENTS, Role.EVENTS.value)

    async def post(self, events: Sequence[LiveEvent]) -> None:
        """See ``Feeds.post``."""
        await self._keeper.post(events)
        meters().count(LIVE_EVENTS, by=len(events))

    async def read(self, installation: str, after_seq: int | None, wait_s: float) -> FeedPage:
        """See ``Feeds.read``."""
        return await self._keeper.read(installation, after_seq, wait_s)

    async def alerts(self, installation: str) -> list[CapacityAlert]:
        """See ``Feeds.alerts``."""
        return await self._keeper.alerts(installation)

    async def open_alerts(self) -> list[CapacityAlert]:
        """See ``Feeds.open_alerts``."""
        return await self._keeper.open_alerts()

    async def stop(self) -> None:
        """Let go of the feeds; Ray may end the process afterwards."""
        self._running.cancel()
        self._measuring.cancel()
        await asyncio.wait((self._running,), timeout=STOP_DEADLINE_S)


def start_events(settings: EventsSettings, on: dict[str, float] | None = None) -> ActorHandle[EventsShell]:
    """Make the cluster's events actor; Ray restarts it, and all that it knows is in the journal.

    ``on`` is what its node must have.
    """
    return cast("ActorHandle[EventsShell]", start_named(EventsShell, EVENTS_NAME, settings, on=on))
