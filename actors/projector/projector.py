"""The projector: reads what changed in the journal, and writes what it says into the records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

from msgspec.structs import replace

from actors import errors
from actors.analytics.messages import messages_of
from actors.connection.sealing import Sealer
from actors.journal.clock import epoch_ms
from actors.journal.contract import Journal
from actors.projector.agenda import Agenda
from actors.projector.census import Census
from actors.projector.derived import POISON, Derived, log, reason_of
from actors.projector.figures import Lags, ProjectorFigures
from actors.projector.rescue import write_what_can_be
from actors.projector.streams import address_of
from actors.projector.teller import Post, Teller
from actors.projector.tracked import Tracked
from actors.records import RecordStore, StreamBatch

STREAMS_AT_ONCE: Final = 200
"""Streams of one commit: so many pages are in memory at most."""
MOST_TRACKED: Final = 5_000
"""Streams of which is remembered what goes on; of others it is read again."""
LONGEST_ROUND_S: Final = 1.0
STREAMS_PER_S: Final = 500
"""Rounds begin so far apart that no more streams than these are read a second, but within 1 s."""
FLUSH_AFTER_S: Final = 3.0
COUNTED_AFTER_S: Final = 70.0
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 10.0


class Projector:
    """Makes one journal's records in one store. Any number of them may run; they do no harm to each other.

    ``post`` is how live events are told, ``sealer`` reads the secrets of sessions, which no record may have.
    ``clock`` gives epoch milliseconds; ``only`` is the one installation whose records are made, if not all.
    ``outgoing`` is called when there is something in the outbox; None: nothing is put there.
    """

    def __init__(
        self,
        journal: Journal,
        store: RecordStore,
        post: Post,
        sealer: Sealer | None = None,
        clock: Callable[[], int] = epoch_ms,
        lags: Lags | None = None,
        only: str | None = None,
        outgoing: Callable[[], None] | None = None,
    ) -> None:
        self._journal = journal
        self._store = store
        self._sealer = sealer
        self._only = only
        self._outgoing = outgoing
        self._clock = clock
        self._teller = Teller(post)
        self._agenda = Agenda()
        self._census = Census(journal, store, self._agenda)
        self._tracked: dict[str, Tracked] = {}
        self._lags = lags or Lags()
        self._entries = self._aside = 0

    def changed(self, streams: Iterable[str]) -> None:
        """These streams have entries, or a record, that they had not before."""
        self._agenda.add(streams)

    def figures(self) -> ProjectorFigures:
        """How it fares."""
        p50, p95, most = self._lags.quantiles(self._clock(), 0.5, 0.95, 1.0)
        return ProjectorFigures(self._entries, self._aside, len(self._agenda), p50, p95, most)

    async def run(self) -> None:
        """Project, for as long as the process lives."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._teller.run())
            group.create_task(self._census.run())
            group.create_task(self._work())

    async def catch_up(self) -> None:
        """Project all of the journal, and write what goes on as it is. Raises JournalUnavailableError."""
        await self._census.take_all()
        while len(self._agenda):
            await self._round(self._agenda.take(float("-inf")))
        quiet = [stream for stream, one in self._tracked.items() if one.waits_for_flush or one.has_counted]
        await self._round(dict.fromkeys(quiet, True))

    async def _work(self) -> None:
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE_S
        while True:
            await self._agenda.wait()
            began = loop.time()
            taken = self._agenda.take(began)
            try:
                await self._round(taken)
                pause = FIRST_PAUSE_S
            except errors.JournalUnavailableError as error:
                log.warning("records wait: %s", error)
                self._agenda.add(taken)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            # What changes meanwhile is gathered: a page of many entries costs hardly more than one of few.
            apart = min(LONGEST_ROUND_S, len(taken) / STREAMS_PER_S)
            await asyncio.sleep(max(0.0, began + apart - loop.time()))

    async def _round(self, taken: dict[str, bool]) -> None:
        """Read a page of each stream. Raises JournalUnavailableError; what was written until then stays."""
        left = iter(taken.items())
        while group := list(islice(left, STREAMS_AT_ONCE)):
            await self._project(group)

    async def _project(self, group: Sequence[tuple[str, bool]]) -> None:
        """One page of each of some streams, in one commit."""
        tracked = await self._track([stream for stream, _ in group])
        quiet = dict(group)
        now = self._clock()
        is_written = False
        try:
            read = await self._read(tracked, quiet, now)
            taken = await self._write([batch for _, batch, _ in read]) if read else []
            is_written = True
        finally:
            if not is_written:
                # What they know may be ahead of the store now.
                for one in tracked:
                    self._tracked.pop(one.address.stream, None)
        for (one, batch, derived), was_taken in zip(read, taken, strict=True):
            self._applied(one, batch, derived, was_taken)
        for one in tracked:
            self._go_on(one)

    async def _read(
        self, tracked: Sequence[Tracked], quiet: dict[str, bool], now: int
    ) -> list[tuple[Tracked, StreamBatch, Derived]]:
        """What there is to be written of some streams. Raises JournalUnavailableError."""
        pages = [one.read(self._journal, now, is_quiet=quiet[one.address.stream]) for one in tracked]
        results = await asyncio.gather(*pages, return_exceptions=True)
        read: list[tuple[Tracked, StreamBatch, Derived]] = []
        for one, result in zip(tracked, results, strict=True):
            if isinstance(result, POISON) and not isinstance(result, errors.JournalUnavailableError):
                log.error("%s cannot be projected: %s", one.address.stream, reason_of(result))
                self._tracked.pop(one.address.stream, None)
            elif isinstance(result, BaseException):
                raise result
            elif result is not None:
                batch, derived = result
                read.append((one, self._with_messages(batch, derived), derived))
        return read

    def _with_messages(self, batch: StreamBatch, derived: Derived) -> StreamBatch:
        if self._outgoing is None:
            return batch
        messages = messages_of(batch.installation_id, batch.upto, batch.changes, derived.happened)
        return replace(batch, messages=messages) if messages else batch

    async def _track(self, streams: Sequence[str]) -> list[Tracked]:
        """The streams as they are known, the unknown ones as the store has them."""
        found = [address for stream in streams if (address := address_of(stream)) is not None]
        addresses = [one for one in found if self._only in (None, one.installation)]
        unknown = [one for one in addresses if one.stream not in self._tracked]
        standings = await self._store.standings_of([one.key for one in unknown])
        by_key = {(one.installation_id, one.position.stream): one for one in standings}
        for one in unknown:
            self._tracked[one.stream] = Tracked(one, by_key.get(one.key), self._sealer)
        tracked = [self._tracked.pop(one.stream) for one in addresses]
        self._tracked.update({one.address.stream: one for one in tracked})
        for stream in list(islice(self._tracked, max(0, len(self._tracked) - MOST_TRACKED))):
            del self._tracked[stream]
        return tracked

    async def _write(self, batches: Sequence[StreamBatch]) -> list[bool]:
        try:
            return await self._store.apply_all(batches)
        except errors.InvalidParamsError as error:
            log.warning("records of %d streams are written one by one: %s", len(batches), error)
            return [await write_what_can_be(self._store, batch) for batch in batches]

    def _applied(self, one: Tracked, batch: StreamBatch, derived: Derived, was_taken: bool) -> None:
        stream = one.address.stream
        if not was_taken:
            log.warning("%s was moved by somebody else, and is read anew", stream)
            self._tracked.pop(stream, None)
            self._agenda.add((stream,))
            return
        one.standing = batch.standing
        self._census.note(batch.standing, one.mark)
        self._entries += self._lags.add(derived.moments, self._clock())
        self._aside += len(batch.aside)
        if batch.messages and self._outgoing is not None:
            self._outgoing()
        if derived.events:
            one.telling += 1
            self._teller.put(derived.events, one.was_told)

    def _go_on(self, one: Tracked) -> None:
        """When a stream is to be looked at again, if it does not change before."""
        stream, now = one.address.stream, asyncio.get_running_loop().time()
        if self._tracked.get(stream) is not one:
            return
        if one.is_behind:
            self._agenda.add((stream,))
        elif one.waits_for_flush:
            self._agenda.remind(stream, now + FLUSH_AFTER_S)
        elif one.has_counted:
            self._agenda.remind(stream, now + COUNTED_AFTER_S)
