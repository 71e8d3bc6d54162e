"""A workspace's automations in the journal: a stream of their own, written under the workspace's lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol
from urllib.parse import unquote

from actors import errors
from actors.automation.record import AutomationRecord, decode
from actors.journal.clock import epoch_ms
from actors.journal.contract import AppendResult, Journal, NewEntry, Refused, StreamAppend
from actors.journal.group_commit import AppendSource
from actors.placement.leases import Lease

AUTOMATIONS: Final = "!automation/"
"""Begins the streams of automations."""
RECORD_BYTES: Final = 2048
"""About what the record adds to a commit."""
HEADS_AT_ONCE: Final = 500


class EntryKind(StrEnum):
    """What an entry tells; the payload is JSON."""

    REQUESTED = "requested"
    """A run was asked for: its order."""
    STEP = "step"
    """What a run has made or found."""
    DEFERRED = "deferred"
    """A run waits, until when and why."""
    ENDED = "ended"
    """A run has ended: its summary."""
    PULL_REQUEST = "pull-request"
    """The forge told of a pull request: what, and the summaries that name it, as they are now."""


class Writer(Protocol):
    """The worker's group writer."""

    def add(self, source: AppendSource, size: int) -> None:
        """``size`` more bytes wait in ``source``."""


def stream_of(key: str) -> str:
    """The stream of the workspace that is leased by this key."""
    return AUTOMATIONS + key


def owner_of(stream: str) -> tuple[str, str]:
    """Installation and workspace of a stream."""
    installation, _, workspace_id = stream.removeprefix(AUTOMATIONS).partition("/")
    return unquote(installation), workspace_id


class AutomationStream:
    """An ``AppendSource``: what waits, and the record, go into the journal with one commit.

    ``describe`` makes the record at the moment of the commit.
    """

    __slots__ = ("_describe", "_lease", "_over", "_taken", "_waiting", "_writer", "last_seq", "name")

    def __init__(self, lease: Lease, writer: Writer, describe: Callable[[], bytes], last_seq: int) -> None:
        self.name = stream_of(lease.workspace)
        self.last_seq = last_seq
        self._lease = lease
        self._writer = writer
        self._describe = describe
        self._waiting: list[tuple[NewEntry, asyncio.Future[None]]] = []
        self._taken: list[asyncio.Future[None]] = []
        self._over = False

    async def write(self, kind: EntryKind, payload: bytes) -> None:
        """Add an entry, and the record as it is then; returns once they are committed.

        Raises WorkerUnavailableError where another worker has the workspace, JournalUnavailableError after
        the worker's end.
        """
        if self._over:
            raise _lost()
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writer.add(self, RECORD_BYTES + len(payload))
        self._waiting.append((NewEntry(kind.value, payload, epoch_ms()), committed))
        self.last_seq += 1
        await committed

    # ------------------------------------------------------------------ AppendSource

    def take(self) -> StreamAppend:
        """What waits, for the commit that is being gathered."""
        waiting, self._waiting = self._waiting, []
        self._taken = [committed for _, committed in waiting]
        entries = [entry for entry, _ in waiting]
        first_seq = self.last_seq + 1 - len(entries)
        lease = self._lease
        return StreamAppend(self.name, lease.workspace, lease.fence, first_seq, entries, self._describe())

    def told(self, result: AppendResult) -> None:
        """The commit is done, or was refused: then nothing more is written."""
        taken, self._taken = self._taken, []
        if isinstance(result, Refused):
            self._over = True
            taken += [committed for _, committed in self._waiting]
            self._lease.refused()
        for committed in taken:
            if committed.done():
                continue
            if self._over:
                committed.set_exception(_lost())
            else:
                committed.set_result(None)


def _lost() -> errors.LumiLinkError:
    return errors.WorkerUnavailableError("another worker has the workspace now", 1.0)


async def find(journal: Journal, key: str) -> tuple[AutomationRecord, int]:
    """What the journal has of a workspace's automations, and its last seq. Raises JournalUnavailableError."""
    head = await journal.head(stream_of(key))
    if head is None or head.meta is None:
        return AutomationRecord(), 0 if head is None else head.last_seq
    return decode(head.meta), head.last_seq


async def records(journal: Journal) -> list[tuple[str, AutomationRecord]]:
    """The streams of all workspaces that ever had an automation, with their records.

    Raises JournalUnavailableError.
    """
    found: list[tuple[str, AutomationRecord]] = []
    after = ""
    while True:
        heads = await journal.heads(AUTOMATIONS, after, HEADS_AT_ONCE)
        found += [(head.stream, decode(head.meta)) for head in heads if head.meta is not None]
        if len(heads) < HEADS_AT_ONCE:
            return found
        after = heads[-1].stream
