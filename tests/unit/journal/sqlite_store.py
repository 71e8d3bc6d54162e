"""A SQLite journal in a folder of the test's, on a clock of its own."""

from __future__ import annotations

from pathlib import Path

from actors.journal.contract import Durability
from actors.journal.sqlite import SqliteJournal


class SqliteStore:
    def __init__(self, path: Path, durability: Durability = "process") -> None:
        self.path = path
        self.now_ms = 1_000_000
        self._durability = durability
        self.journal: SqliteJournal

    async def start(self) -> SqliteStore:
        self.journal = await SqliteJournal.open(self.path, self._durability, lambda: self.now_ms)
        return self

    async def reopen(self) -> None:
        await self.journal.close()
        await self.start()

    async def pass_time(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)
