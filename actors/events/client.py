"""The events actor for other processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from actors.events.contract import FeedPage, LiveEvent
from actors.events.feeds import LONGEST_WAIT_S
from actors.named_actor import NamedActor
from actors.protocol.capacity_alert import CapacityAlert

EVENTS_NAME: Final = "lumilink-events"
CALL_DEADLINE_S: Final = 20.0


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
