"""What the retention actor does: takes orders to erase and carries them out, and sweeps away what is old."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from actors import errors
from actors.journal.clock import epoch_ms
from actors.journal.contract import Journal
from actors.placement.leases import Leases
from actors.placement.lives import DeadLives, new_life
from actors.records import RecordStore
from actors.retention.contract import PREFIX, ErasureOrder, ErasureState, ErasureView, installation_of
from actors.retention.eraser import Eraser
from actors.retention.live import LiveSessions
from actors.retention.orders import OrderBook, has_pending, new_order
from actors.retention.settings import RetentionSettings
from actors.retention.sweep import Sweeper

T = TypeVar("T")

log = logging.getLogger("lumilink.retention")

NAME: Final = "retention"
OPEN_AGAIN_S: Final = 1.0
READY_S: Final = 10.0
TRY_AGAIN_S: Final = 5.0
MAX_BOOKS: Final = 1_000
HEADS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class _Stores:
    journal: Journal
    records: RecordStore
    leases: Leases
    eraser: Eraser


class RetentionKeeper:
    """Makes itself useful once both stores are open; until then its methods wait, up to 10 s.

    ``open_journal`` opens the journal of the settings, ``live`` are the sessions that workers hold.
    """

    def __init__(
        self, settings: RetentionSettings, open_journal: Callable[[], Awaitable[Journal]], live: LiveSessions
    ) -> None:
        self._settings = settings
        self._open_journal = open_journal
        self._live = live
        self._ready: asyncio.Future[_Stores] = asyncio.get_running_loop().create_future()
        self._books: dict[str, OrderBook] = {}
        self._ordered = asyncio.Event()

    async def run(self) -> None:
        """Erase and sweep, for as long as the process lives. Raises SettingsError."""
        async with self._opened() as stores:
            self._ready.set_result(stores)
            async with asyncio.TaskGroup() as group:
                group.create_task(stores.leases.keep())
                group.create_task(self._erase(stores))
                group.create_task(self._sweep(stores))

    async def order(self, installation: str, asked: ErasureOrder) -> ErasureView:
        """Take an order, or say what there would be to erase. Raises what ``OrderBook.take`` raises."""
        stores = await self._stores()
        if asked.dry_run:
            found = await stores.eraser.measured(installation, new_order(asked, epoch_ms()))
            return found.view(installation, ErasureState.WOULD_BE)
        order = await self._book(stores, installation).take(asked)
        self._ordered.set()
        return order.view(installation)

    async def find(self, installation: str, erasure_id: str) -> ErasureView:
        """How far an erasure is. Raises RecordNotFoundError and JournalUnavailableError."""
        stores = await self._stores()
        order = await self._book(stores, installation).find(erasure_id)
        if order is None:
            raise errors.RecordNotFoundError(f"no erasure {erasure_id[:80]!r} waits or was done lately")
        return order.view(installation)

    # ------------------------------------------------------------------ within

    async def _erase(self, stores: _Stores) -> None:
        """Carry out orders, one after the other; those that an earlier process has left, too."""
        while True:
            self._ordered.clear()
            try:
                for installation in await _with_pending(stores.journal):
                    book = self._book(stores, installation)
                    while (order := await book.pending()) is not None:
                        done = await stores.eraser.carry_out(book, order)
                        log.info("erasure %s: %d sessions are gone", done.erasure_id, done.sessions)
            except errors.LumiLinkError as error:
                log.warning("an erasure goes on later: %s", error)
                await asyncio.sleep(TRY_AGAIN_S)
                continue
            await self._ordered.wait()

    async def _sweep(self, stores: _Stores) -> None:
        settings = self._settings
        if settings.policy.is_empty:
            return
        sweeper = Sweeper(stores.journal, stores.records, self._live, settings.policy)
        while True:
            try:
                done = await sweeper.sweep(datetime.now(UTC))
                if found := {name: count for name, count in done.items() if count}:
                    log.info("old enough to go: %s", ", ".join(f"{n} {one}" for one, n in found.items()))
                await asyncio.sleep(settings.sweep_every_s)
            except errors.LumiLinkError as error:
                log.warning("what is old goes later: %s", error)
                await asyncio.sleep(min(TRY_AGAIN_S, settings.sweep_every_s))

    def _book(self, stores: _Stores, installation: str) -> OrderBook:
        book = self._books.get(installation)
        if book is None:
            book = self._books[installation] = OrderBook(stores.journal, stores.leases, installation)
        return book

    async def _stores(self) -> _Stores:
        try:
            async with asyncio.timeout(READY_S):
                return await asyncio.shield(self._ready)
        except TimeoutError:
            raise errors.JournalUnavailableError("the stores are not open yet", 2.0) from None

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[_Stores]:
        storage = self._settings.storage
        journal = await _until_open(self._open_journal)
        try:
            records = await _until_open(lambda: RecordStore.open(self._settings.records_url))
            try:
                life = new_life(storage.gateway, NAME)
                leases = Leases(journal, life, DeadLives(life, exclusive=storage.is_exclusive))
                yield _Stores(journal, records, leases, Eraser(journal, records, self._live))
                for book in self._books.values():
                    await book.release()
            finally:
                await records.close()
        finally:
            await journal.close()


async def _with_pending(journal: Journal) -> list[str]:
    """The installations that have an order which is not done."""
    found: list[str] = []
    after = ""
    while True:
        heads = await journal.heads(PREFIX, after, HEADS_AT_ONCE)
        found += [installation_of(head.stream) for head in heads if has_pending(head)]
        if len(heads) < HEADS_AT_ONCE:
            return found
        after = heads[-1].stream


async def _until_open(open_it: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await open_it()
        except errors.JournalUnavailableError as error:
            log.warning("nothing can be erased yet: %s", error)
        await asyncio.sleep(OPEN_AGAIN_S)
