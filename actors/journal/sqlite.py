"""The journal in one SQLite file: the embedded default. Several processes may use one file.

One thread writes, two read and one makes checkpoints, each by a connection of its own; the event loop never
waits for the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Self

from actors.errors import JournalUnavailableError, SettingsError
from actors.journal import sqlite_placements, sqlite_schema, sqlite_streams, sqlite_trim
from actors.journal.arrivals import Arrivals
from actors.journal.clock import epoch_ms
from actors.journal.contract import (
    PAGE_BYTES,
    PAGE_ENTRIES,
    AppendResult,
    Durability,
    Entry,
    Head,
    Page,
    Placement,
    Size,
    StreamAppend,
)
from actors.journal.sqlite_append import Appender
from actors.journal.sqlite_checkpoints import Checkpoints
from actors.journal.sqlite_threads import ConnectionThreads

DEADLINE_S: Final = 15.0
"""How long any one job may take, its waiting included."""
POLL_S: Final = 0.1
"""How often ``tail`` looks for what other processes have written."""
_READERS: Final = 2


class SqliteJournal:
    """See ``Journal``. Made by ``open``; ``clock`` gives epoch milliseconds, alike in all processes."""

    def __init__(self, path: Path, durability: Durability, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._writer = ConnectionThreads(
            "journal-writer", partial(sqlite_schema.open_writer, path, durability)
        )
        self._readers = ConnectionThreads(
            "journal-reader", partial(sqlite_schema.open_reader, path), threads=_READERS
        )
        self._checkpoints = Checkpoints(path, durability)
        self._appender = Appender()
        self._arrivals = Arrivals(POLL_S)

    @classmethod
    async def open(
        cls, path: Path, durability: Durability = "process", clock: Callable[[], int] = epoch_ms
    ) -> Self:
        """Open the file, or make it; its folder must be there.

        "process": a commit outlives our processes; a loss of power may take the last commits, never the file.
        "disk": every commit is synced. Raises JournalUnavailableError where the file cannot be used,
        SettingsError where it was made by another version.
        """
        journal = cls(path, durability, clock)
        try:
            await journal.check()
        except (JournalUnavailableError, SettingsError):
            await journal.close()
            raise
        return journal

    async def check(self) -> None:
        """Whether the file can be used. Raises what ``open`` raises."""
        await self._writer.run(_nothing, DEADLINE_S)

    async def close(self) -> None:
        """See ``Journal.close``."""
        await self._readers.close(DEADLINE_S)
        await self._checkpoints.close()
        await self._writer.close(DEADLINE_S)

    # ------------------------------------------------------------------ streams

    async def append(self, batch: Sequence[StreamAppend]) -> Sequence[AppendResult]:
        """See ``Journal.append``."""
        job = partial(self._appender.append, batch=batch)
        results = await self._writer.run(job, DEADLINE_S)
        self._checkpoints.committed()
        self._arrivals.tell(result.stream for result in results)
        return results

    async def read(
        self,
        stream: str,
        after_seq: int,
        limit_entries: int = PAGE_ENTRIES,
        limit_bytes: int = PAGE_BYTES,
    ) -> Page:
        """See ``Journal.read``."""
        return await self._readers.run(
            lambda connection: sqlite_streams.read_page(
                connection, stream, after_seq, limit_entries, limit_bytes
            ),
            DEADLINE_S,
        )

    async def tail(
        self,
        stream: str,
        after_seq: int,
        deadline_s: float,
        limit_entries: int = PAGE_ENTRIES,
        limit_bytes: int = PAGE_BYTES,
    ) -> Page:
        """See ``Journal.tail``."""
        return await self._arrivals.tail(
            stream, deadline_s, lambda: self.read(stream, after_seq, limit_entries, limit_bytes)
        )

    async def head(self, stream: str) -> Head | None:
        """See ``Journal.head``."""
        return await self._readers.run(
            lambda connection: sqlite_streams.read_head(connection, stream), DEADLINE_S
        )

    async def newest(
        self, stream: str, limit_entries: int, limit_bytes: int = PAGE_BYTES
    ) -> tuple[Head, Sequence[Entry]] | None:
        """See ``Journal.newest``."""
        return await self._readers.run(
            lambda connection: sqlite_streams.read_newest(connection, stream, limit_entries, limit_bytes),
            DEADLINE_S,
        )

    async def size(self, stream: str | None = None) -> Size:
        """See ``Journal.size``."""
        return await self._readers.run(
            lambda connection: sqlite_streams.read_size(connection, stream), DEADLINE_S
        )

    async def streams(self, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[str]:
        """See ``Journal.streams``."""
        return await self._readers.run(
            lambda connection: sqlite_streams.list_streams(connection, prefix, after, limit), DEADLINE_S
        )

    async def heads(self, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[Head]:
        """See ``Journal.heads``."""
        return await self._readers.run(
            lambda connection: sqlite_streams.list_heads(connection, prefix, after, limit), DEADLINE_S
        )

    async def trim(
        self, stream: str, *, keep_count: int | None = None, older_than_ms: int | None = None
    ) -> int:
        """See ``Journal.trim``. Done in steps, between which others may write."""
        finished = False
        first_kept = 1
        while not finished:
            first_kept, finished = await self._writer.run(
                lambda connection: sqlite_trim.trim_step(connection, stream, keep_count, older_than_ms),
                DEADLINE_S,
            )
        return first_kept

    async def delete(self, stream: str) -> None:
        """See ``Journal.delete``."""
        await self.trim(stream, keep_count=0)
        await self._writer.run(lambda connection: sqlite_streams.delete_rest(connection, stream), DEADLINE_S)

    async def scrub(self) -> None:
        """See ``Journal.scrub``. What is deleted is overwritten in the file; the log is emptied."""
        await self._checkpoints.empty()

    # ------------------------------------------------------------------ placements

    async def acquire(
        self, workspace: str, worker: str, lease_s: float, seize_from: frozenset[str] = frozenset()
    ) -> Placement:
        """See ``Placements.acquire``."""
        lease_ms = round(lease_s * 1000)
        return await self._writer.run(
            lambda connection: sqlite_placements.acquire(
                connection, workspace, worker, lease_ms, self._clock(), seize_from
            ),
            DEADLINE_S,
        )

    async def renew(self, held: Sequence[Placement], lease_s: float) -> Sequence[Placement]:
        """See ``Placements.renew``."""
        lease_ms = round(lease_s * 1000)
        return await self._writer.run(
            lambda connection: sqlite_placements.renew(connection, held, self._clock() + lease_ms),
            DEADLINE_S,
        )

    async def release(self, placement: Placement) -> bool:
        """See ``Placements.release``."""
        return await self._writer.run(
            lambda connection: sqlite_placements.release(connection, placement), DEADLINE_S
        )

    async def release_all(self, worker: str) -> int:
        """See ``Placements.release_all``."""
        return await self._writer.run(
            lambda connection: sqlite_placements.release_all(connection, worker), DEADLINE_S
        )

    async def lookup(self, workspace: str) -> Placement | None:
        """See ``Placements.lookup``."""
        return await self._readers.run(
            lambda connection: sqlite_placements.lookup(connection, workspace), DEADLINE_S
        )

    async def held_by(self, worker: str) -> Sequence[Placement]:
        """See ``Placements.held_by``."""
        return await self._readers.run(
            lambda connection: sqlite_placements.held_by(connection, worker), DEADLINE_S
        )


def _nothing(connection: sqlite3.Connection) -> None:
    """A job that only needs its connection."""
