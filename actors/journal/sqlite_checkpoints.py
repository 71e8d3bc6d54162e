"""Checkpoints of a SQLite file in WAL mode: what is in its log is brought into the file itself.

SQLite does that by itself, inside the commit that makes the log too long: that one commit, and all that wait
for it, then take tens of milliseconds. Here a thread of its own does it beside the commits.
Source: sqlite.org/wal.html, sections 2.1 and 3.3; sqlite.org/pragma.html#pragma_wal_checkpoint.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from functools import partial
from pathlib import Path
from typing import Final

from actors.errors import JournalUnavailableError
from actors.journal import sqlite_schema
from actors.journal.contract import Durability
from actors.journal.sqlite_threads import ConnectionThreads

log = logging.getLogger("lumilink.journal")

COMMITS: Final = 100
"""So many commits after the last checkpoint there is another."""
DEADLINE_S: Final = 60.0
RESTART_PAGES: Final = 8000
"""A log of so many pages (64 MB) is begun anew. Commits wait meanwhile, but for the newest pages only."""


class Checkpoints:
    """One process's, for one file. Belongs to an event loop; call ``committed`` after each commit."""

    def __init__(
        self,
        path: Path,
        durability: Durability,
        commits: int = COMMITS,
        restart_pages: int = RESTART_PAGES,
    ) -> None:
        opening = partial(sqlite_schema.open_checkpointer, path, durability)
        self._threads = ConnectionThreads("journal-checkpoints", opening)
        self._commits = commits
        self._restart_pages = restart_pages
        self._since = 0
        self._task: asyncio.Task[None] | None = None

    def committed(self) -> None:
        """Something was committed. Begins a checkpoint when it is time and none is under way."""
        self._since += 1
        if self._since >= self._commits and (self._task is None or self._task.done()):
            self._since = 0
            self._task = asyncio.get_running_loop().create_task(self._run(), name="journal checkpoint")

    async def empty(self) -> None:
        """Bring all into the file and cut the log to nothing, unless somebody keeps reading in it.

        Raises JournalUnavailableError.
        """
        await self._threads.run(_empty, DEADLINE_S)

    async def close(self) -> None:
        """Wait for the one that is under way."""
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=DEADLINE_S)
        await self._threads.close(DEADLINE_S)

    async def _run(self) -> None:
        try:
            await self._threads.run(self._checkpoint, DEADLINE_S)
        except JournalUnavailableError as error:
            # The log grows meanwhile; the next one makes up for it.
            log.warning("no checkpoint of the journal: %s", error)

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        _, logged, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if logged >= self._restart_pages:
            # Where somebody reads in the log just now, it is left to the next time.
            connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()


def _empty(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
