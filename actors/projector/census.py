"""Which streams there are, and which of them the records lag behind: so that nothing rests on being told.

Workers tell of what they write as they write it. A worker that is killed tells of nothing any more, and the
feeds have other writers; so all streams are compared now and then, those of few lines more often.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from msgspec import Struct

from actors import errors
from actors.journal.contract import Head, Journal
from actors.projector import state as states
from actors.projector.agenda import Agenda
from actors.projector.derived import log
from actors.projector.facts import mark_of
from actors.projector.state import StreamStateOnly
from actors.projector.streams import MARK, StreamKind, address_of
from actors.records import RecordStore, Standing

AT_ONCE: Final = 1_000
SHORTEST_S: Final = 5.0
LONGEST_S: Final = 300.0
LONGEST_SPECIAL_S: Final = 60.0
SHARE: Final = 200
"""Comparing takes a two-hundredth of the time at most, as long as that is every 5 minutes at least."""
AGAIN_S: Final = 1.0


_WITHOUT_RECORD: Final = (StreamKind.WORKSPACE, StreamKind.AUTOMATION, StreamKind.ERASURES)
"""Of their streams the entries say all that is projected."""


class _Known(Struct, frozen=True, gc=False):
    epoch: str
    seq: int
    mark: bytes


class Census:
    """Compares the journal's streams with the store's positions, and puts those that differ on the agenda."""

    def __init__(self, journal: Journal, store: RecordStore, agenda: Agenda) -> None:
        self._journal = journal
        self._store = store
        self._agenda = agenda
        self._known: dict[str, _Known] = {}

    def note(self, standing: Standing, mark: bytes) -> None:
        """A stream stands here now; ``mark`` is that of its record."""
        position = standing.position
        self._known[position.stream] = _Known(position.epoch, position.seq, mark)

    async def run(self) -> None:
        """Compare at once and every now and then, for as long as the process lives."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_repeat(self.take_all, LONGEST_S))
            group.create_task(_repeat(self._take_special, LONGEST_SPECIAL_S))

    async def take_all(self) -> None:
        """Compare all streams, with what the store says by now. Raises JournalUnavailableError."""
        unfinished = await self._read_store()
        await self._compare("")
        self._agenda.add(unfinished)

    async def _take_special(self) -> None:
        await self._compare(MARK)

    async def _compare(self, prefix: str) -> None:
        async for head in self._heads(prefix):
            if self._differs(head):
                self._agenda.add((head.stream,))

    def _differs(self, head: Head) -> bool:
        address = address_of(head.stream)
        if address is None:
            return False
        known = self._known.get(head.stream)
        if known is None or (known.epoch, known.seq) != (head.epoch, head.last_seq):
            return True
        return address.kind not in _WITHOUT_RECORD and known.mark != mark_of(head.meta)

    async def _heads(self, prefix: str) -> AsyncIterator[Head]:
        after = ""
        while True:
            heads = await self._journal.heads(prefix, after, AT_ONCE)
            for head in heads:
                yield head
            if len(heads) < AT_ONCE:
                return
            after = heads[-1].stream

    async def _read_store(self) -> list[str]:
        """Learn the positions; returns the streams of which something goes on."""
        known: dict[str, _Known] = {}
        unfinished: list[str] = []
        after = ("", "")
        while True:
            standings = await self._store.standings(after, AT_ONCE)
            for one in standings:
                position = one.position
                kept = states.decode(one.state, StreamStateOnly)
                known[position.stream] = _Known(position.epoch, position.seq, kept.meta_mark)
                if states.goes_on(one.state, position.seq):
                    unfinished.append(position.stream)
            if len(standings) < AT_ONCE:
                break
            after = (standings[-1].installation_id, standings[-1].position.stream)
        self._known = known
        return unfinished


async def _repeat(compare: Callable[[], Awaitable[None]], longest_s: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            await compare()
            pause = min(longest_s, max(SHORTEST_S, SHARE * (loop.time() - began)))
        except errors.JournalUnavailableError as error:
            log.warning("streams are compared later: %s", error)
            pause = AGAIN_S
        await asyncio.sleep(pause)
