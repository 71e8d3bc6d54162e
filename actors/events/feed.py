"""The feed of one installation, as its one writer has it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Final

from actors import errors
from actors.events import record
from actors.events.contract import LiveEvent, id_of, live_event, stored, stream_of, timestamp
from actors.events.record import Delivery, FeedRecord
from actors.journal.contract import Head, Journal, NewEntry
from actors.placement.leased_stream import LeasedStream
from actors.placement.leases import Leases

log = logging.getLogger("lumilink.events")

KEPT_EVENTS: Final = 10_000
TRIM_EVERY: Final = 1_000
REMEMBERED_IDS: Final = 1_000
"""Of how many events it is known that they are in the feed: a post that is repeated was one of the last."""
NOT_DELIVERED: Final = "capacity-alert:not-delivered"


class Feed:
    """Writes one stream, under a lease that it takes with its first write.

    ``channels`` are the names of those that tell of alerts. What is known of the stream is read anew after
    any failure, since a write whose answer was lost may have been done.
    """

    def __init__(
        self, journal: Journal, leases: Leases, installation: str, channels: Sequence[str] = ()
    ) -> None:
        self.installation = installation
        self._journal = journal
        self._stream = LeasedStream(journal, leases, stream_of(installation), "the events", self._held)
        self._channels = channels
        self._writing = asyncio.Lock()
        self._trimmed_at = 0
        self._record = FeedRecord()
        self._ids: deque[str] = deque(maxlen=REMEMBERED_IDS)

    async def post(self, events: Sequence[LiveEvent]) -> None:
        """Add events, in order and in one commit, without those that are there already.

        Raises JournalUnavailableError, or WorkerUnavailableError where another process writes this feed;
        repeating it is harmless then.
        """
        async with self._writing:
            await self._stream.hold()
            known = set(self._ids)
            fresh = [event for event in events if event.id not in known]
            if fresh:
                await self._append(fresh, self._record.after(fresh, self._channels))
        await self._trim()

    async def told(self, delivery: Delivery, *, reached: bool, at: int) -> None:
        """A channel is done with an alert; if it gave up, that is an event too. Raises what ``post`` does."""
        async with self._writing:
            await self._stream.hold()
            done = self._record.told(delivery, reached=reached)
            await self._append([] if reached else [self._given_up(delivery, at)], done)

    async def release(self) -> None:
        """Give the feed back, so that the next writer need not wait."""
        await self._stream.release()

    def _given_up(self, delivery: Delivery, at: int) -> LiveEvent:
        data = {
            "alertId": delivery.alert.alert_id,
            "state": delivery.state,
            "channel": delivery.channel,
            "timestamp": timestamp(at),
        }
        event_id = f"{delivery.key}:{delivery.channel}"
        return live_event(NOT_DELIVERED, self.installation, data, at, event_id)

    async def _held(self, head: Head | None) -> None:
        """Read the stream's end."""
        self._record = record.decode(None if head is None else head.meta)
        self._ids.clear()
        name, last_seq = self._stream.name, 0 if head is None else head.last_seq
        self._trimmed_at = min(self._trimmed_at, last_seq)
        after = max(0, last_seq - REMEMBERED_IDS)
        while after < last_seq:
            page = await self._journal.read(name, after)
            if not page.entries:
                break
            self._ids.extend(id_of(entry) for entry in page.entries)
            after = page.entries[-1].seq

    async def _append(self, events: Sequence[LiveEvent], after: FeedRecord) -> None:
        meta = None if after is self._record else record.encode(after)
        await self._stream.append([NewEntry(event.name, stored(event), event.at) for event in events], meta)
        self._record = after
        self._ids.extend(event.id for event in events)

    async def _trim(self) -> None:
        if self._stream.last_seq - self._trimmed_at < TRIM_EVERY:
            return
        self._trimmed_at = self._stream.last_seq
        try:
            await self._journal.trim(self._stream.name, keep_count=KEPT_EVENTS)
        except errors.JournalUnavailableError as error:
            log.warning("old events are dropped later: %s", error)
