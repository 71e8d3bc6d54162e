"""What the projector's actor does: opens journal and records, and projects as long as its process lives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

from actors import errors
from actors.connection.sealing import Sealer
from actors.journal.contract import Journal
from actors.projector.changed import MOST
from actors.projector.derived import log
from actors.projector.figures import ProjectorFigures
from actors.projector.projector import Projector
from actors.projector.settings import ProjectorSettings
from actors.projector.teller import Post
from actors.records import RecordStore

T = TypeVar("T")

OPEN_AGAIN_S: Final = 1.0


class ProjectorKeeper:
    """Takes what it is told from the first moment on; projects once both stores are there.

    ``open_journal`` opens the journal of the settings, ``post`` tells live events.
    """

    def __init__(
        self, settings: ProjectorSettings, open_journal: Callable[[], Awaitable[Journal]], post: Post
    ) -> None:
        self._settings = settings
        self._open_journal = open_journal
        self._post = post
        self._projector: Projector | None = None
        self._early: set[str] = set()

    def changed(self, streams: Iterable[str]) -> None:
        """See ``Projector.changed``."""
        if self._projector is not None:
            self._projector.changed(streams)
        elif len(self._early) < MOST:
            self._early.update(streams)

    def figures(self) -> ProjectorFigures:
        """See ``Projector.figures``."""
        if self._projector is None:
            return ProjectorFigures(0, 0, len(self._early), 0.0, 0.0, 0.0)
        return self._projector.figures()

    async def run(self) -> None:
        """Project, for as long as the process lives. Raises SettingsError."""
        settings = self._settings
        journal = await _opened(self._open_journal)
        try:
            store = await _opened(lambda: RecordStore.open(settings.records_url))
            try:
                key = settings.storage.seal_key
                sealer = Sealer(key) if key else None
                self._projector = Projector(journal, store, self._post, sealer)
                self._projector.changed(self._early)
                await self._projector.run()
            finally:
                await store.close()
        finally:
            await journal.close()


async def _opened(open_it: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await open_it()
        except errors.JournalUnavailableError as error:
            log.warning("nothing can be projected yet: %s", error)
        await asyncio.sleep(OPEN_AGAIN_S)
