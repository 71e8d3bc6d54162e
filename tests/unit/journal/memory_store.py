"""A journal in memory, on a clock of its own."""

from __future__ import annotations

from actors.journal.memory import MemoryJournal


class MemoryStore:
    """As long as the process lives there is nothing to open anew."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.journal = MemoryJournal(lambda: self.now_ms)

    async def reopen(self) -> None:
        pass

    async def pass_time(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)
