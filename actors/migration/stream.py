"""A workspace's way into the journal: its standing and its samples, written under the workspace's lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from actors import errors
from actors.journal.clock import epoch_ms
from actors.journal.contract import AppendResult, Journal, NewEntry, Refused, StreamAppend
from actors.journal.group_commit import AppendSource
from actors.migration.policy import Policy
from actors.migration.record import StandingRecord, decode
from actors.migration.standing import Standing, Ways
from actors.migration.streams import EntryKind, WorkspaceName, workspace_stream

RECORD_BYTES: Final = 512
"""About what the record adds to a commit."""
PAGE_ENTRIES: Final = 1000

Then = Callable[[], None]


class Writer(Protocol):
    """The worker's group writer."""

    def add(self, source: AppendSource, size: int) -> None:
        """``size`` more bytes wait in ``source``."""


class WorkspaceStream:
    """The stream of one workspace, and an ``AppendSource`` of its worker's writer.

    Appends are made one after another, each of everything that waits. ``describe`` makes the record; ``lost``
    is called, once, if the journal takes no more: another worker has the workspace.
    """

    __slots__ = (
        "_describe",
        "_fence",
        "_idle",
        "_lost",
        "_over",
        "_record_changed",
        "_taken",
        "_thens",
        "_waiting",
        "_workspace",
        "_writer",
        "last_seq",
        "name",
    )

    def __init__(
        self,
        key: str,
        fence: int,
        writer: Writer,
        *,
        describe: Callable[[], bytes],
        lost: Callable[[], None],
        last_seq: int = 0,
    ) -> None:
        self.name = workspace_stream(key)
        self.last_seq = last_seq
        self._workspace = key
        self._fence = fence
        self._writer = writer
        self._describe = describe
        self._lost = lost
        self._waiting: list[NewEntry] = []
        self._thens: list[Then] = []
        self._taken: list[Then] = []
        self._record_changed = False
        self._over = False
        self._idle = asyncio.Event()
        self._idle.set()

    def append(
        self,
        entries: Sequence[tuple[EntryKind, bytes]],
        *,
        save: bool,
        then: Then | None = None,
    ) -> None:
        """Add entries, and the record if it is to be saved; ``then`` is called once they are committed.

        Raises JournalUnavailableError after the worker's end.
        """
        if self._over or not (entries or save):
            return
        now = epoch_ms()
        size = RECORD_BYTES * save + sum(len(payload) for _, payload in entries)
        self._idle.clear()
        self._writer.add(self, size)
        self._waiting += (NewEntry(kind.value, payload, now) for kind, payload in entries)
        self.last_seq += len(entries)
        self._record_changed |= save
        if then is not None:
            self._thens.append(then)

    @property
    def is_over(self) -> bool:
        """Whether the journal takes no more: another worker has the workspace."""
        return self._over

    async def settled(self) -> None:
        """Wait until all that was added is committed, or never will be."""
        await self._idle.wait()

    # ------------------------------------------------------------------ AppendSource

    def take(self) -> StreamAppend:
        """What waits, for the commit that is being gathered."""
        entries, self._waiting = self._waiting, []
        self._taken, self._thens = self._thens, []
        record = self._describe() if self._record_changed else None
        self._record_changed = False
        first_seq = self.last_seq + 1 - len(entries)
        return StreamAppend(self.name, self._workspace, self._fence, first_seq, entries, record)

    def told(self, result: AppendResult) -> None:
        """The commit is done, or was refused: then nothing more is written."""
        taken, self._taken = self._taken, []
        if not (self._waiting or self._record_changed):
            self._idle.set()
        if isinstance(result, Refused):
            self._over = True
            self._idle.set()
            self._lost()
            return
        for then in taken:
            then()


@dataclass(frozen=True, slots=True)
class StoredStanding:
    """A standing as the journal has it, the samples that came after it, and where its stream ends."""

    record: StandingRecord
    samples: list[bytes]
    last_seq: int


class StandingStore:
    """The standings of workspaces in the journal."""

    def __init__(self, journal: Journal, writer: Writer) -> None:
        self.writer = writer
        self._journal = journal

    async def find(self, key: str) -> StoredStanding | None:
        """What the journal has of a workspace; None: nothing yet. Raises JournalUnavailableError."""
        name = workspace_stream(key)
        head = await self._journal.head(name)
        if head is None or head.meta is None:
            return None
        record = decode(head.meta)
        samples: list[bytes] = []
        after = max(record.seq, head.first_kept - 1)
        while after < head.last_seq:
            page = await self._journal.read(name, after, PAGE_ENTRIES)
            if not page.entries:
                break
            samples += (one.payload for one in page.entries if one.kind == EntryKind.SAMPLES)
            after = page.entries[-1].seq
        return StoredStanding(record, samples, head.last_seq)

    async def trim(self, key: str, older_than_ms: int) -> None:
        """Drop entries of before a moment, epoch milliseconds; later, where the journal is away."""
        try:
            await self._journal.trim(workspace_stream(key), older_than_ms=older_than_ms)
        except errors.JournalUnavailableError:
            return

    @staticmethod
    def standing(
        stored: StoredStanding | None, name: WorkspaceName, policy: Policy, now_s: float, ways: Ways
    ) -> Standing:
        """The standing as the journal has it, or that of a workspace that is new."""
        if stored is None:
            return Standing.first(name, policy, now_s, ways)
        standing = Standing(name, stored.record, policy, ways)
        for payload in stored.samples:
            standing.replay(payload)
        return standing
