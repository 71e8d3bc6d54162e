"""All feeds of a gateway: one process writes them, and answers whoever reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final

from actors import errors
from actors.events import record
from actors.events.contract import PREFIX, FeedPage, LiveEvent, from_entry, installation_of, stream_of
from actors.events.feed import Feed
from actors.events.record import Delivery
from actors.journal.contract import Head, Journal, Page
from actors.placement.leases import Leases
from actors.protocol.capacity_alert import CapacityAlert

MAX_FEEDS: Final = 1_000
"""How many feeds are held for writing; the one that was written longest ago is given back first."""
MAX_READING: Final = 500
"""Of the 1,000 calls that an actor of Ray holds at once, so that there is always room to post."""
LONGEST_WAIT_S: Final = 10.0
HEADS_AT_ONCE: Final = 500
_PAGE_EVENTS: Final = 500


class Feeds:
    """``channels`` are the names of those that tell of alerts."""

    def __init__(self, journal: Journal, leases: Leases, channels: Sequence[str] = ()) -> None:
        self._journal = journal
        self._leases = leases
        self._channels = tuple(channels)
        self._feeds: dict[str, Feed] = {}
        self._reading = 0

    async def post(self, events: Sequence[LiveEvent]) -> None:
        """Add events, each to the feed of its installation. Raises what ``Feed.post`` raises."""
        by_installation: dict[str, list[LiveEvent]] = {}
        for event in events:
            by_installation.setdefault(event.installation, []).append(event)
        for installation, own in by_installation.items():
            await (await self._feed(installation)).post(own)

    async def read(self, installation: str, after_seq: int | None, wait_s: float) -> FeedPage:
        """Events after a seq, waiting up to ``wait_s`` for one; None reads none but tells where the end is.

        Raises MailboxFullError where 500 read already, and JournalUnavailableError.
        """
        stream = stream_of(installation)
        if after_seq is None:
            head = await self._journal.head(stream)
            if head is None:
                return FeedPage(0, [], 1, 0, "")
            return FeedPage(head.last_seq, [], head.first_kept, head.last_seq, head.epoch)
        if self._reading >= MAX_READING:
            raise errors.MailboxFullError(f"{MAX_READING} read events already", 1.0)
        self._reading += 1
        try:
            wait_s = min(max(wait_s, 0.0), LONGEST_WAIT_S)
            return _fed(await self._journal.tail(stream, after_seq, wait_s, _PAGE_EVENTS))
        finally:
            self._reading -= 1

    async def alerts(self, installation: str) -> list[CapacityAlert]:
        """The open alerts of an installation, and the last of those that are resolved, newest first."""
        head = await self._journal.head(stream_of(installation))
        found = record.decode(None if head is None else head.meta)
        return sorted(found.alerts, key=lambda alert: (alert.is_open, alert.timestamp), reverse=True)

    async def open_alerts(self) -> list[CapacityAlert]:
        """The open alerts of all installations."""
        return [
            alert
            async for head in self._heads()
            for alert in record.decode(head.meta).alerts
            if alert.is_open
        ]

    async def untold(self, channel: str) -> list[tuple[str, Delivery]]:
        """What a channel has to tell, each with the installation in whose feed it is."""
        return [
            (installation_of(head.stream), delivery)
            async for head in self._heads()
            for delivery in record.decode(head.meta).untold
            if delivery.channel == channel
        ]

    async def told(self, installation: str, delivery: Delivery, *, reached: bool, at: int) -> None:
        """See ``Feed.told``."""
        await (await self._feed(installation)).told(delivery, reached=reached, at=at)

    async def close(self) -> None:
        """Give all feeds back."""
        for feed in self._feeds.values():
            await feed.release()
        self._feeds.clear()

    async def _feed(self, installation: str) -> Feed:
        feed = self._feeds.pop(installation, None)
        if feed is None:
            feed = Feed(self._journal, self._leases, installation, self._channels)
        self._feeds[installation] = feed
        if len(self._feeds) > MAX_FEEDS:
            oldest = self._feeds.pop(next(iter(self._feeds)))
            with suppress(errors.JournalUnavailableError):
                await oldest.release()
        return feed

    async def _heads(self) -> AsyncIterator[Head]:
        after = ""
        while True:
            heads = await self._journal.heads(PREFIX, after, HEADS_AT_ONCE)
            for head in heads:
                yield head
            if len(heads) < HEADS_AT_ONCE:
                return
            after = heads[-1].stream


def _fed(page: Page) -> FeedPage:
    events = [from_entry(entry) for entry in page.entries]
    return FeedPage(page.after_seq, events, page.first_kept, page.last_seq, page.epoch)
