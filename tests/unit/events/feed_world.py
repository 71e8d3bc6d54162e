"""Feeds on a journal in memory that fails when it is told to."""

from __future__ import annotations

import json
from collections.abc import Sequence

from msgspec.structs import replace

from actors.errors import JournalUnavailableError
from actors.events.contract import LiveEvent, live_event
from actors.events.feeds import Feeds
from actors.journal.contract import AppendResult, Journal, StreamAppend
from actors.journal.memory import MemoryJournal
from actors.placement.leases import Leases
from actors.placement.lives import DeadLives
from actors.protocol.capacity_alert import EVENT_OF, AlertState, CapacityAlert

AT = 1_700_000_000_000
ALERT = CapacityAlert(
    alert_id="a1",
    installation_id="acme",
    scope="cluster",
    cause="capacity",
    trigger="warning",
    active_connections=17,
    capacity_percent=0.85,
    timestamp="2026-01-01T00:00:00.000Z",
)


class FailingJournal(MemoryJournal):
    """``failures`` says how the next commits fail: "before" or "after" they were done."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []

    async def append(self, batch: Sequence[StreamAppend]) -> Sequence[AppendResult]:
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "before":
            raise JournalUnavailableError("away")
        results = await super().append(batch)
        if failure == "after":
            raise JournalUnavailableError("away")
        return results


def feeds_on(journal: Journal, life: str = "gw:events:1", channels: Sequence[str] = ()) -> Feeds:
    """The feeds of one life of the events actor."""
    return Feeds(journal, Leases(journal, life, DeadLives(life, exclusive=True)), channels)


def event(number: int, installation: str = "acme", name: str = "worker:joined") -> LiveEvent:
    """An event with a number."""
    return live_event(name, installation, {"number": number}, AT + number, f"e{number}")


def alert_event(state: AlertState, alert: CapacityAlert = ALERT) -> LiveEvent:
    """What is posted of an alert."""
    if state == "resolved":
        alert = replace(alert, resolved_at="2026-01-01T00:10:00.000Z")
    event_id = f"{alert.alert_id}:{state}"
    return live_event(EVENT_OF[state], alert.installation_id, alert, AT, event_id)


async def numbers_in(feeds: Feeds, installation: str = "acme") -> list[int]:
    """The numbers of all events of a feed, in order."""
    page = await feeds.read(installation, 0, 0.0)
    return [json.loads(found.data)["number"] for found in page.events]
