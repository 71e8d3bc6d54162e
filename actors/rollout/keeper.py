"""What the protocol actor does: opens the journal, and keeps the policies of all installations."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from actors import errors
from actors.journal.contract import Journal
from actors.migration.policy import Policy
from actors.placement.leases import Leases
from actors.placement.lives import DeadLives, new_life
from actors.rollout.book import PolicyBook
from actors.rollout.contract import PolicyChange, PolicyView
from actors.storage import StorageSettings

log = logging.getLogger("lumilink.rollout")

OPEN_AGAIN_S: Final = 1.0
READY_S: Final = 5.0
MAX_BOOKS: Final = 1_000
NAME: Final = "protocol"

Tell = Callable[[str, Policy], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RolloutSettings:
    """Where policies are kept, and that of installations which have none of their own."""

    storage: StorageSettings
    default: Policy = field(default_factory=Policy)


class PolicyKeeper:
    """Makes itself useful once its journal is open; until then its methods wait, up to 5 s.

    ``open_journal`` opens the journal of the settings, ``tell`` tells the workers of a change.
    """

    def __init__(
        self, settings: RolloutSettings, open_journal: Callable[[], Awaitable[Journal]], tell: Tell
    ) -> None:
        self._settings = settings
        self._open_journal = open_journal
        self._tell = tell
        self._ready: asyncio.Future[tuple[Journal, Leases]] = asyncio.get_running_loop().create_future()
        self._books: dict[str, PolicyBook] = {}

    async def run(self) -> None:
        """Open the journal, then keep the leases, for as long as the process lives."""
        journal = await self._journal()
        storage = self._settings.storage
        life = new_life(storage.gateway, NAME)
        leases = Leases(journal, life, DeadLives(life, exclusive=storage.is_exclusive))
        self._ready.set_result((journal, leases))
        try:
            await leases.keep()
        finally:
            await self._let_go(journal)

    async def read(self, installation: str) -> PolicyView:
        """See ``PolicyBook.read``."""
        return await (await self._book(installation)).read()

    async def change(self, installation: str, change: PolicyChange) -> PolicyView:
        """See ``PolicyBook.change``; the workers are told. One that cannot be reached reads it by itself."""
        view = await (await self._book(installation)).change(change)
        if view.applied:
            await self._tell(installation, view.policy)
        return view

    async def _book(self, installation: str) -> PolicyBook:
        try:
            async with asyncio.timeout(READY_S):
                journal, leases = await asyncio.shield(self._ready)
        except TimeoutError:
            raise errors.JournalUnavailableError("the journal of policies is not open yet", 2.0) from None
        book = self._books.pop(installation, None)
        if book is None:
            book = PolicyBook(journal, leases, installation, self._settings.default)
        self._books[installation] = book
        if len(self._books) > MAX_BOOKS:
            await self._books.pop(next(iter(self._books))).release()
        return book

    async def _journal(self) -> Journal:
        while True:
            try:
                return await self._open_journal()
            except errors.JournalUnavailableError as error:
                log.warning("policies cannot be kept yet: %s", error)
            await asyncio.sleep(OPEN_AGAIN_S)

    async def _let_go(self, journal: Journal) -> None:
        try:
            for book in self._books.values():
                await book.release()
            await journal.close()
        except errors.JournalUnavailableError as error:
            log.warning("the leases of policies run out by themselves: %s", error)
