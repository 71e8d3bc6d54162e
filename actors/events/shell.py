"""The Ray actor around the feeds: one for the cluster, found by name."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from typing import Final, cast

import ray
from ray.actor import ActorHandle

from actors.events.contract import FeedPage, LiveEvent
from actors.events.feeds import LONGEST_WAIT_S
from actors.events.keeper import EventsKeeper, EventsSettings
from actors.named_actor import NAMESPACE, NamedActor
from actors.protocol.capacity_alert import CapacityAlert
from actors.storage import open_journal

log = logging.getLogger("lumilink.events")

EVENTS_NAME: Final = "lumilink-events"
CALL_DEADLINE_S: Final = 20.0
STOP_DEADLINE_S: Final = 5.0


class EventsShell:
    """Reached by whoever posts and by the reporting replicas, which read for their clients."""

    def __init__(self, settings: EventsSettings) -> None:
        # What httpx tells of each request names its URL, and that may hold a token.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        storage = settings.storage
        self._keeper = EventsKeeper(settings, lambda: open_journal(storage.journal, storage.durability))
        self._running = asyncio.get_running_loop().create_task(self._keeper.run(), name="events")
        self._running.add_done_callback(_ended)

    async def post(self, events: Sequence[LiveEvent]) -> None:
        """See ``Feeds.post``."""
        await self._keeper.post(events)

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
        await asyncio.wait((self._running,), timeout=STOP_DEADLINE_S)


def _ended(running: asyncio.Task[None]) -> None:
    if not running.cancelled() and (error := running.exception()) is not None:
        # Its text may hold what was handled, so only its type is logged. Ray starts another process.
        log.critical("the events actor gives up on %s", type(error).__name__)
        os._exit(1)


def start_events(settings: EventsSettings, on: dict[str, float] | None = None) -> ActorHandle[EventsShell]:
    """Make the cluster's events actor; Ray restarts it, and all that it knows is in the journal.

    ``on`` is what its node must have.
    """
    actor_class = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)(EventsShell)
    named = actor_class.options(name=EVENTS_NAME, namespace=NAMESPACE, resources=on or {})
    return cast("ActorHandle[EventsShell]", named.remote(settings))


class EventsClient:
    """The events actor's methods for other processes.

    Each raises what the actor raised, or WorkerUnavailableError if it does not answer within 20 s.
    """

    def __init__(self) -> None:
        self._actor = NamedActor(EVENTS_NAME, "the events actor", CALL_DEADLINE_S)

    async def post(self, events: Sequence[LiveEvent]) -> None:
        """Add events; repeating it is harmless. See ``Feeds.post``."""
        await self._actor.call("post", events)

    async def read(
        self, installation: str, after_seq: int | None, wait_s: float = LONGEST_WAIT_S
    ) -> FeedPage:
        """See ``Feeds.read``."""
        page: FeedPage = await self._actor.call("read", installation, after_seq, wait_s)
        return page

    async def alerts(self, installation: str) -> list[CapacityAlert]:
        """See ``Feeds.alerts``."""
        found: list[CapacityAlert] = await self._actor.call("alerts", installation)
        return found

    async def open_alerts(self) -> list[CapacityAlert]:
        """See ``Feeds.open_alerts``."""
        found: list[CapacityAlert] = await self._actor.call("open_alerts")
        return found
