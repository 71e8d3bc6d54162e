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
from actors.journal.contract import Journal, NewEntry, Refused, StreamAppend
from actors.placement.leases import HeldElsewhereError, Lease, Leases

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
        self._leases = leases
        self._stream = stream_of(installation)
        self._channels = channels
        self._writing = asyncio.Lock()
        self._lease: Lease | None = None
        self._last_seq = 0
        self._trimmed_at = 0
        self._record = FeedRecord()
        self._ids: deque[str] = deque(maxlen=REMEMBERED_IDS)

    async def post(self, events: Sequence[LiveEvent]) -> None:
        """Add events, in order and in one commit, without those that are there already.

        Raises JournalUnavailableError, or WorkerUnavailableError where another process writes this feed;
        repeating it is harmless then.
        """
        async with self._writing:
            lease = await self._held()
            known = set(self._ids)
            fresh = [event for event in events if event.id not in known]
            if fresh:
                await self._append(lease, fresh, self._record.after(fresh, self._channels))
        await self._trim()

    async def told(self, delivery: Delivery, *, reached: bool, at: int) -> None:
        """A channel is done with an alert; if it gave up, that is an event too. Raises what ``post`` does."""
        async with self._writing:
            lease = await self._held()
            done = self._record.told(delivery, reached=reached)
            await self._append(lease, [] if reached else [self._given_up(delivery, at)], done)

    async def release(self) -> None:
        """Give the feed back, so that the next writer need not wait."""
        lease, self._lease = self._lease, None
        if lease is not None:
            await self._leases.release(lease)

    def _given_up(self, delivery: Delivery, at: int) -> LiveEvent:
        data = {
            "alertId": delivery.alert.alert_id,
            "state": delivery.state,
            "channel": delivery.channel,
            "timestamp": timestamp(at),
        }
        event_id = f"{delivery.key}:{delivery.channel}"
        return live_event(NOT_DELIVERED, self.installation, data, at, event_id)

    async def _held(self) -> Lease:
        """The lease; taken, and the stream's end read, if need be."""
        if self._lease is not None:
            return self._lease
        try:
            lease = await self._leases.acquire(self._stream, self._lost)
        except HeldElsewhereError:
            raise errors.WorkerUnavailableError("another process writes the events", 5.0) from None
        head = await self._journal.head(self._stream)
        self._last_seq = 0 if head is None else head.last_seq
        self._record = record.decode(None if head is None else head.meta)
        self._ids.clear()
        after = max(0, self._last_seq - REMEMBERED_IDS)
        while after < self._last_seq:
            page = await self._journal.read(self._stream, after)
            if not page.entries:
                break
            self._ids.extend(id_of(entry) for entry in page.entries)
            after = page.entries[-1].seq
        self._lease = lease
        return lease

    async def _append(self, lease: Lease, events: Sequence[LiveEvent], after: FeedRecord) -> None:
        meta = None if after is self._record else record.encode(after)
        entries = [NewEntry(event.name, stored(event), event.at) for event in events]
        append = StreamAppend(self._stream, self._stream, lease.fence, self._last_seq + 1, entries, meta)
        try:
            [result] = await self._journal.append([append])
        except BaseException:
            self._lease = None  # nobody knows whether it was done
            raise
        if isinstance(result, Refused):
            self._lease = None
            log.warning("events were not taken, and are posted again: %s", result.error)
            raise errors.WorkerUnavailableError("the events are being taken over", 0.5)
        self._last_seq = result.last_seq
        self._record = after
        self._ids.extend(event.id for event in events)

    async def _trim(self) -> None:
        if self._last_seq - self._trimmed_at < TRIM_EVERY:
            return
        self._trimmed_at = self._last_seq
        try:
            await self._journal.trim(self._stream, keep_count=KEPT_EVENTS)
        except errors.JournalUnavailableError as error:
            log.warning("old events are dropped later: %s", error)

    def _lost(self) -> None:
        self._lease = None
