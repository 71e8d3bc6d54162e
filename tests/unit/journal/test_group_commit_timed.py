"""Every commit is told with its size and its time, repeats included."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from actors.errors import JournalUnavailableError
from actors.journal.contract import AppendResult, NewEntry, StreamAppend
from actors.journal.group_commit import GroupWriter
from actors.journal.group_limits import WriterLimits
from actors.journal.memory import MemoryJournal


class Source:
    def __init__(self, fence: int) -> None:
        self._fence = fence
        self.committed = asyncio.Event()

    def take(self) -> StreamAppend:
        return StreamAppend("inst/s", "inst/w", self._fence, 1, [NewEntry("update", b"x", 0)] * 2)

    def told(self, result: AppendResult) -> None:
        self.committed.set()


class Away(MemoryJournal):
    """It cannot be reached once."""

    is_away = True

    async def append(self, batch: Sequence[StreamAppend]) -> Sequence[AppendResult]:
        await asyncio.sleep(0.01)
        if self.is_away:
            self.is_away = False
            raise JournalUnavailableError("away")
        return await super().append(batch)


async def test_a_commit_is_timed_with_its_repeats():
    journal, timed = Away(), list[tuple[int, float]]()
    placement = await journal.acquire("inst/w", "life", 60.0)
    limits = WriterLimits(first_retry_s=0.01)
    writer = GroupWriter(journal, limits, on_timed=lambda entries, s: timed.append((entries, s)))
    source = Source(placement.fence)
    writer.add(source, 1)
    writer.add(source, 1)
    await source.committed.wait()
    await writer.close(1.0)

    [(entries, seconds)] = timed
    assert entries == 2
    assert 0.024 < seconds < 2.0  # twice 10 ms and the pause between, of which half is by chance
