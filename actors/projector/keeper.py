"""What the projector's actor does: opens journal and records, and projects as long as its process lives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

from actors import errors
from actors.analytics.relay import Relay, RelayFigures
from actors.connection.sealing import Sealer
from actors.events.outbox import Outbox
from actors.journal.contract import Journal
from actors.projector.changed import MOST
from actors.projector.derived import log
from actors.projector.figures import ProjectorFigures
from actors.projector.lines import LineBook
from actors.projector.projector import Projector
from actors.projector.settings import ProjectorSettings
from actors.projector.teller import Post
from actors.records import RecordStore
from actors.records.outgoing import OutgoingBox

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
        self._relay: Relay | None = None
        self._outbox = Outbox(post)
        self.lines = LineBook(self._outbox)
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

    def relayed(self) -> RelayFigures:
        """How it goes with what other systems are told; zeros where there is none."""
        return self._relay.figures() if self._relay is not None else RelayFigures()

    def _make_relay(self, store: RecordStore) -> Relay | None:
        settings = self._settings.analytics
        if settings is None:
            return None
        # The client is large, and most gateways have no Kafka.
        from actors.analytics.kafka import KafkaSender  # noqa: PLC0415

        return Relay(OutgoingBox(store.database), KafkaSender(settings))

    async def run(self) -> None:
        """Project, for as long as the process lives. Raises SettingsError."""
        settings = self._settings
        journal = await _opened(self._open_journal)
        try:
            store = await _opened(lambda: RecordStore.open(settings.records_url))
            try:
                key = settings.storage.seal_key
                sealer = Sealer(key) if key else None
                relay = self._relay = self._make_relay(store)
                filled = relay.filled if relay is not None else None
                self._projector = Projector(journal, store, self._post, sealer, outgoing=filled)
                self._projector.changed(self._early)
                self.lines.use(store.database)
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._projector.run())
                    group.create_task(self._outbox.run())
                    if relay is not None:
                        group.create_task(relay.run())
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
