"""Keeping the promise of how long things are kept: what is older goes, a little at a time."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

from actors import errors
from actors.connection import record
from actors.journal.contract import Head, Journal
from actors.projector.streams import Address, StreamKind, address_of
from actors.records import RecordStore, kinds
from actors.records.store import PURGE_ROWS
from actors.retention.eraser import Eraser
from actors.retention.live import LiveSessions
from actors.retention.orders import Target
from actors.retention.policy import RetainedKind, RetentionPolicy

log = logging.getLogger("lumilink.retention")

HEADS_AT_ONCE: Final = 500
SESSIONS_AT_ONCE: Final = 200
PAUSE_S: Final = 0.05
"""Between two deletions: others write to the same stores."""

_PURGED: Final = {
    RetainedKind.MESSAGES: kinds.MESSAGES,
    RetainedKind.TRANSCRIPTS: kinds.TRANSCRIPTS,
    RetainedKind.TRANSITIONS: kinds.TRANSITIONS,
    RetainedKind.AUTOMATIONS: kinds.AUTOMATIONS,
    RetainedKind.MIGRATIONS: kinds.MIGRATIONS,
    RetainedKind.ROLLBACKS: kinds.ROLLBACKS,
    RetainedKind.ALERTS: kinds.ALERTS,
    RetainedKind.METRICS: kinds.METRICS,
}


class Sweeper:
    """Goes through all installations. Stopped at any point, the next sweep does what is left."""

    def __init__(
        self, journal: Journal, store: RecordStore, live: LiveSessions, policy: RetentionPolicy
    ) -> None:
        self._journal = journal
        self._store = store
        self._live = live
        self._policy = policy
        self._eraser = Eraser(journal, store, live)

    async def sweep(self, now: datetime) -> Counter[str]:
        """Delete what is older than it may be; how much of each kind that was: records, entries, sessions.

        Raises JournalUnavailableError and WorkerUnavailableError.
        """
        done: Counter[str] = Counter()
        for installation in await self._store.installations():
            done[RetainedKind.SESSIONS] += await self._forget_sessions(installation, now)
            for kind in _PURGED:
                done[kind] += await self._purge(installation, kind, now)
        done[RetainedKind.JOURNAL] += await self._trim_all(now)
        return done

    async def _purge(self, installation: str, kind: RetainedKind, now: datetime) -> int:
        before = self._policy.cutoff(installation, kind, now)
        total, last = 0, PURGE_ROWS
        while before is not None and last == PURGE_ROWS:
            last = await self._store.purge(installation, _PURGED[kind], before)
            total += last
            await asyncio.sleep(PAUSE_S)
        return total

    async def _forget_sessions(self, installation: str, now: datetime) -> int:
        before = self._policy.cutoff(installation, RetainedKind.SESSIONS, now)
        total, some = 0, SESSIONS_AT_ONCE
        while before is not None and some:
            some = 0
            for session_id, stream in await self._store.sessions_before(
                installation, before, SESSIONS_AT_ONCE
            ):
                if await self._is_left(session_id, stream, before):
                    await self._eraser.forget(installation, Target(stream, session_id))
                    some += 1
                    await asyncio.sleep(PAUSE_S)
            total += some
        return total

    async def _is_left(self, session_id: str, stream: str, before: datetime) -> bool:
        """Whether nobody has used a session since, which the journal knows before the records do."""
        head = await self._journal.head(stream)
        if head is not None and _used_at(head) >= before:
            return False
        return not await self._live.is_held(session_id)

    async def _trim_all(self, now: datetime) -> int:
        total = 0
        async for head in self._heads():
            address = address_of(head.stream)
            if address is None or address.kind is not StreamKind.SESSION:
                continue
            before = self._policy.cutoff(address.installation, RetainedKind.JOURNAL, now)
            if before is not None:
                total += await self._trim(address, head, before)
        return total

    async def _trim(self, address: Address, head: Head, before: datetime) -> int:
        """Drop a stream's old entries, but only what has its records; and the stream, if nothing is left."""
        before_ms = round(before.timestamp() * 1000)
        first = await self._journal.read(head.stream, head.first_kept - 1, 1)
        dropped = 0
        if first.entries and first.entries[0].at < before_ms:
            position = await self._store.position(address.installation, head.stream)
            if position is None or position.epoch != head.epoch:
                return 0
            if position.seq < head.last_seq:
                reached = await self._journal.read(head.stream, position.seq - 1, 1)
                before_ms = min(before_ms, reached.entries[0].at if reached.entries else 0)
            dropped = await self._journal.trim(head.stream, older_than_ms=before_ms) - head.first_kept
            await asyncio.sleep(PAUSE_S)
        is_empty = head.first_kept + dropped > head.last_seq
        if is_empty and await self._is_left(address.name, head.stream, before):
            await self._journal.delete(head.stream)
        return dropped

    async def _heads(self) -> AsyncIterator[Head]:
        after = ""
        while True:
            heads = await self._journal.heads("", after, HEADS_AT_ONCE)
            for head in heads:
                yield head
            if len(heads) < HEADS_AT_ONCE:
                return
            after = heads[-1].stream


def _used_at(head: Head) -> datetime:
    """When a session was used last, as its record says; for one without a record, the beginning of time."""
    try:
        return datetime.fromisoformat(record.decode(head.meta).updated_at)
    except (errors.SessionNotFoundError, ValueError):
        return datetime.fromtimestamp(0, UTC)
