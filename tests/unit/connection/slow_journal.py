"""A journal whose commits a test holds back, lets fail, or refuses."""

import asyncio
from collections.abc import Sequence

from session_world import WORKSPACE

from actors.errors import JournalUnavailableError
from actors.journal import AppendResult, StreamAppend
from actors.journal.memory import MemoryJournal


class SlowJournal(MemoryJournal):
    """``hold`` keeps commits back until ``let_go``; ``failures`` says how the next commits fail.

    A failure is "before" or "after" the commit was done: the writer cannot tell them apart.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.failures: list[str] = []
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        self._open.clear()

    def let_go(self) -> None:
        self._open.set()

    def recover(self) -> None:
        """Nothing is in the way of commits any more."""
        self.is_down = False
        self.failures.clear()
        self.let_go()

    async def append(self, batch: Sequence[StreamAppend]) -> Sequence[AppendResult]:
        await self._open.wait()
        failure = self.failures.pop(0) if self.failures else ""
        if self.is_down or failure == "before":
            raise JournalUnavailableError("away")
        results = await super().append(batch)
        if failure == "after":
            raise JournalUnavailableError("away")
        return results

    async def grant_to_another(self) -> None:
        """Another worker takes the workspace."""
        for worker in ("another", "yet another"):
            await self.acquire(WORKSPACE, worker, 0.0)
