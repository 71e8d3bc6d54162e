"""Both stores in files, sessions in them, and workers that do as they are told."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self, cast

from unit.projector.projector_world import KEY, NOON, Script, SessionScript

from actors.connection.sealing import Sealer
from actors.events.contract import LiveEvent, live_event, stored, stream_of
from actors.journal.memory import MemoryJournal
from actors.journal.sqlite import SqliteJournal
from actors.migration.streams import workspace_stream
from actors.placement.leases import Leases
from actors.projector.projector import Projector
from actors.records import Kind, Query, RecordStore
from actors.records.models import ErasureScope, Record
from actors.retention.contract import ErasureOrder
from actors.retention.eraser import Eraser
from actors.retention.orders import Order, OrderBook

TENANT: Final = "acme"
ACME_S_CANARY: Final = "kingfisher7261"
ANN_S_CANARY: Final = "goldfinch4417"
BEN_S_CANARY: Final = "nightingale9038"


class Workers:
    """``held`` are the sessions that workers hold; ending one takes as many questions as it says."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.dismissed: list[str | None] = []

    async def is_held(self, session_id: str) -> bool:
        return session_id in self.held

    async def dismiss(self, installation: str, session_ids: Sequence[str] | None) -> int:
        wanted = list(self.held) if session_ids is None else [one for one in session_ids if one in self.held]
        self.dismissed += [None] if session_ids is None else session_ids
        for one in wanted:
            self.held[one] -= 1
        self.held = {one: left for one, left in self.held.items() if left > 0}
        return sum(one in self.held for one in wanted)


class World:
    """``folder`` holds the files of both stores."""

    def __init__(self, journal: SqliteJournal, store: RecordStore, folder: Path) -> None:
        self.journal = journal
        self.store = store
        self.folder = folder
        self.workers = Workers()
        self.book = OrderBook(journal, Leases(journal, "retention-1", lambda _life: False), TENANT)

    @classmethod
    async def made(cls, migrated: Path, folder: Path) -> Self:
        shutil.copy(migrated, folder / "records.db")
        journal = await SqliteJournal.open(folder / "journal.db")
        return cls(journal, await RecordStore.open(f"sqlite+aiosqlite:///{folder / 'records.db'}"), folder)

    async def close(self) -> None:
        await self.store.close()
        await self.journal.close()

    # ------------------------------------------------------------------ what is there

    async def session(
        self, session_id: str, user: str, text: str, *, at: int = NOON, installation: str = TENANT
    ) -> SessionScript:
        """A session in which somebody said a word and was told of something."""
        journal = cast("MemoryJournal", self.journal)
        script = SessionScript(journal, session_id, installation, at=at)
        script.record |= {"setup": b"{}", "initialize": b"{}", "sealed": b"", "user": user}
        script.connected().turn().prompt(f"about {text} please").chunk(f"I see {text} there")
        script.notice(f"Told of {text}.", entry="info").ended()
        return await script.save()

    async def workspace(self, text: str) -> None:
        """A stream that is no session's, with an entry that the projector sets aside."""
        journal = cast("MemoryJournal", self.journal)
        script = Script(journal, workspace_stream(f"{TENANT}/repo"), f"{TENANT}/repo")
        await script.event("migration", {"migrationId": text}).commit()

    async def feed(self, text: str, installation: str = TENANT) -> None:
        """The live events of an installation."""
        stream = stream_of(installation)
        script = Script(cast("MemoryJournal", self.journal), stream, stream)
        event: LiveEvent = live_event("session:notice", installation, {"toast": text}, NOON)
        await script.entry(event.name, stored(event)).commit()

    async def project(self, journal: SqliteJournal | None = None) -> None:
        async def told(_events: Sequence[LiveEvent]) -> None:
            await asyncio.sleep(0)

        await Projector(journal or self.journal, self.store, told, Sealer(KEY)).catch_up()

    # ------------------------------------------------------------------ erasing

    @property
    def eraser(self) -> Eraser:
        return Eraser(self.journal, self.store, self.workers)

    async def order(self, subject: str = "") -> Order:
        scope = ErasureScope.SUBJECT if subject else ErasureScope.INSTALLATION
        return await self.book.take(ErasureOrder(scope, subject, "key-1"))

    async def erased(self, subject: str = "") -> Order:
        return await self.eraser.carry_out(self.book, await self.order(subject))

    # ------------------------------------------------------------------ what is found

    def holds(self, text: str) -> list[str]:
        """The files of the stores, their logs included, that hold a text."""
        files = sorted(self.folder.glob("*.db*"))
        return [file.name for file in files if text.encode() in file.read_bytes()]

    async def all(self, kind: Kind[Record], installation: str = TENANT) -> Sequence[Record]:
        return (await self.store.page(installation, kind, Query(limit=200))).items
