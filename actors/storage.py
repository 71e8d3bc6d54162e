"""A worker's store: the journal that the settings name, its one writer, and the worker's leases."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from actors import errors
from actors.connection.sealing import Sealer
from actors.connection.store import SessionStore
from actors.journal.contract import Durability, Journal
from actors.journal.group_commit import GroupWriter
from actors.journal.group_limits import WriterState, WriterStatistics
from actors.journal.memory import MemoryJournal
from actors.journal.sqlite import SqliteJournal
from actors.metrics.catalogue import COMMIT_ENTRIES, COMMIT_SECONDS
from actors.metrics.meters import meters
from actors.placement.leases import Leases
from actors.placement.lives import DeadLives, new_life
from actors.projector.changed import ChangedStreams

log = logging.getLogger("lumilink.storage")

CLOSE_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where the journal is: ``memory:``, ``sqlite:PATH`` or ``redis://…``, and what a commit outlives.

    ``gateway`` names this life of the gateway, ``seal_key`` is the key of the journal's secrets.
    """

    gateway: str
    journal: str = field(default="memory:", repr=False)
    durability: Durability = "process"
    seal_key: str = field(default="", repr=False)
    history_bytes: int = 128 * 1024

    @property
    def is_exclusive(self) -> bool:
        """Whether no other gateway can use the journal at the same time."""
        return not self.journal.startswith("redis")


class StorageListener(Protocol):
    """Who is told how the journal fares."""

    def journal_pressed(self, pressed: bool) -> None:
        """More waits for the journal than should: agents are not to be read until it has caught up."""

    def journal_away(self, away: bool) -> None:
        """The store does not answer, or does again."""


class Storage:
    """Opened once a worker's loop runs; closed after the last actor has ended."""

    def __init__(
        self, journal: Journal, settings: StorageSettings, worker_id: str, listener: StorageListener
    ) -> None:
        self.journal = journal
        self._listener = listener
        self.changed = ChangedStreams()
        self._writer = GroupWriter(
            journal,
            on_state=self._note_state,
            on_pressed=listener.journal_pressed,
            on_committed=self.changed.note,
            on_timed=_note_commit,
        )
        self.life = new_life(settings.gateway, worker_id)
        self.leases = Leases(journal, self.life, DeadLives(self.life, exclusive=settings.is_exclusive))
        self.sessions = SessionStore(journal, self._writer, Sealer(settings.seal_key), settings.history_bytes)
        self._keeping = asyncio.get_running_loop().create_task(self.leases.keep(), name="keep leases")

    @classmethod
    async def open(cls, settings: StorageSettings, worker_id: str, listener: StorageListener) -> Storage:
        """Raises JournalUnavailableError and SettingsError."""
        return cls(await open_journal(settings.journal, settings.durability), settings, worker_id, listener)

    async def close(self) -> None:
        """Write what waits, give every workspace back and let go of the store."""
        self._keeping.cancel()
        await asyncio.wait((self._keeping,))
        left = await self._writer.close(CLOSE_DEADLINE_S)
        if left:
            log.error("%d events did not get into the journal before the worker ended", left)
        try:
            await self.journal.release_all(self.life)
        except errors.JournalUnavailableError as error:
            log.warning("the worker's leases run out by themselves: %s", error)
        await self.journal.close()

    @property
    def writing(self) -> WriterStatistics:
        """How the journal's writer fares."""
        return self._writer.statistics()

    def _note_state(self, state: WriterState) -> None:
        level = logging.INFO if state is WriterState.HEALTHY else logging.WARNING
        log.log(level, "the journal's writer is %s", state.value)
        if state in (WriterState.HEALTHY, WriterState.DEGRADED):
            self._listener.journal_away(state is WriterState.DEGRADED)


def _note_commit(entries: int, seconds: float) -> None:
    meters().observe(COMMIT_SECONDS, seconds)
    meters().observe(COMMIT_ENTRIES, entries)


async def open_journal(url: str, durability: Durability) -> Journal:
    """The journal that a URL names. Raises JournalUnavailableError and SettingsError."""
    if url == "memory:":
        return MemoryJournal()
    if url.startswith("sqlite:"):
        return await SqliteJournal.open(Path(url.removeprefix("sqlite:")), durability)
    # Its library takes a quarter of a second to load, which no other worker has to wait for.
    from actors.journal.redis import RedisJournal  # noqa: PLC0415

    return await RedisJournal.open(url, durability)
