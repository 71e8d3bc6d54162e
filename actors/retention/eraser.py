"""Carrying out an erasure: live sessions are ended, streams deleted, records forgotten, files scrubbed.

Every step may be done twice, and what is still to be done is known from what is still there. So whoever takes
an order up after a crash goes on with it. What begins while it runs goes too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final
from urllib.parse import quote, unquote

from msgspec.structs import replace

from actors import errors
from actors.connection import record
from actors.events.contract import stream_of as feed_of
from actors.journal.contract import Head, Journal
from actors.projector.derived import identifier
from actors.records import RecordStore
from actors.records.models import ErasureScope
from actors.retention.contract import erasure_stream
from actors.retention.live import LiveSessions
from actors.retention.orders import Order, OrderBook, Target

log = logging.getLogger("lumilink.retention")

AT_ONCE: Final = 50
HEADS_AT_ONCE: Final = 500
ENDED_WITHIN_S: Final = 30.0
ASK_AGAIN_S: Final = 0.2
TOLD_S: Final = 1.0
"""In what time what has just ended has told all that it had to tell: live events, and lines of logs."""


class Eraser:
    """Erases in one journal and one store. Each method raises LumiLinkErrors, and may be repeated then."""

    def __init__(self, journal: Journal, store: RecordStore, live: LiveSessions) -> None:
        self._journal = journal
        self._store = store
        self._live = live

    async def carry_out(self, book: OrderBook, order: Order) -> Order:
        """Erase what an order names; returns it as it is when all of it is gone."""
        installation = book.installation
        order = await self._erase(installation, order)
        is_done = False
        while not is_done:
            is_done = True
            async for targets in self._targets(installation, order):
                is_done = False
                await self._end(installation, [one.session_id for one in targets])
                order = order.begun(tuple([await self._measured(one) for one in targets]))
                await book.save(order)
                order = await self._erase(installation, order)
            if order.scope is ErasureScope.INSTALLATION:
                order, rows = await self._erase_rest(book, order)
                is_done = is_done and not rows
        if order.scope is ErasureScope.SUBJECT:
            await asyncio.sleep(TOLD_S)
            # Its events cannot be told apart by whom they are about.
            await self._journal.trim(feed_of(installation), keep_count=0)
        await self._journal.scrub()
        await self._store.scrub()
        return await book.complete(order)

    async def measured(self, installation: str, order: Order) -> Order:
        """The order with what there is to erase now, and nothing erased."""
        order = replace(order, digest="")
        ids: list[str] = []
        async for targets in self._targets(installation, order):
            order = order.begun(tuple([await self._measured(one) for one in targets]))
            ids += [one.session_id for one in targets]
        if order.scope is ErasureScope.INSTALLATION:
            rest = [await self._measured(one) async for one in self._others(installation)]
            order = order.begun(tuple(rest))
        wanted = None if order.scope is ErasureScope.INSTALLATION else ids
        return replace(order, records=await self._store.count_rows(installation, wanted), under_way=())

    async def forget(self, installation: str, target: Target) -> int:
        """Delete one stream and its records; returns how many records those were."""
        # The journal first: what the projector reads from now on is nothing.
        await self._journal.delete(target.stream)
        if not target.session_id:
            await self._store.forget_stream(installation, target.stream)
            return 0
        total, is_done = 0, False
        while not is_done:
            session_id = identifier(target.session_id)
            rows, is_done = await self._store.forget_session(installation, target.stream, session_id)
            total += rows
        return total

    # ------------------------------------------------------------------ within

    async def _erase(self, installation: str, order: Order) -> Order:
        """Erase what is under way."""
        rows = 0
        for target in order.under_way:
            rows += await self.forget(installation, target)
        return replace(order, records=order.records + rows, under_way=())

    async def _erase_rest(self, book: OrderBook, order: Order) -> tuple[Order, int]:
        """All of an installation that is no session; also, how many streams and records those were."""
        installation = book.installation
        await self._end(installation, None)
        await asyncio.sleep(TOLD_S)
        others = [await self._measured(one) async for one in self._others(installation)]
        if others:
            order = order.begun(tuple(others))
            await book.save(order)
            order = await self._erase(installation, order)
        total, is_done = 0, False
        while not is_done:
            rows, is_done = await self._store.forget_installation(installation)
            total += rows
        return replace(order, records=order.records + total), total + len(others)

    async def _end(self, installation: str, session_ids: Sequence[str] | None) -> None:
        """Have the workers let go of sessions. Raises WorkerUnavailableError."""
        loop = asyncio.get_running_loop()
        until = loop.time() + ENDED_WITHIN_S
        while left := await self._live.dismiss(installation, session_ids):
            if loop.time() > until:
                raise errors.WorkerUnavailableError(f"{left} sessions have not ended yet", 5.0)
            await asyncio.sleep(ASK_AGAIN_S)

    async def _targets(self, installation: str, order: Order) -> AsyncIterator[tuple[Target, ...]]:
        """The sessions that an order is about, some at a time: those of the journal, then of the records."""
        prefix, found = f"{quote(installation, safe='')}/", []
        seen: set[str] = set()
        async for head in self._heads(prefix):
            if order.scope is ErasureScope.INSTALLATION or _user_of(head) == order.subject:
                found.append(Target(head.stream, head.stream.removeprefix(prefix)))
                seen.add(head.stream)
            if len(found) == AT_ONCE:
                yield tuple(found)
                found = []
        if order.scope is ErasureScope.SUBJECT:
            recorded = await self._store.sessions_of(installation, identifier(order.subject))
            for session_id, stream in recorded:
                if stream not in seen:
                    found.append(Target(stream, session_id))
        for begin in range(0, len(found), AT_ONCE):
            yield tuple(found[begin : begin + AT_ONCE])

    async def _others(self, installation: str) -> AsyncIterator[Target]:
        """The streams of an installation that are no session's, but for that of its erasures."""
        async for head in self._heads("!"):
            parts = head.stream.split("/")
            is_own = len(parts) > 1 and unquote(parts[1]) == installation
            if is_own and head.stream != erasure_stream(installation):
                yield Target(head.stream, "")

    async def _heads(self, prefix: str) -> AsyncIterator[Head]:
        after = ""
        while True:
            heads = await self._journal.heads(prefix, after, HEADS_AT_ONCE)
            for head in heads:
                yield head
            if len(heads) < HEADS_AT_ONCE:
                return
            after = heads[-1].stream

    async def _measured(self, target: Target) -> Target:
        head = await self._journal.head(target.stream)
        if head is None:
            return target
        return replace(target, epoch=head.epoch, entries=head.last_seq + 1 - head.first_kept)


def _user_of(head: Head) -> str:
    """Who opened the session of a stream; empty where nothing tells."""
    try:
        return record.decode(head.meta).user
    except errors.SessionNotFoundError:
        return ""
