"""What a journal is, whatever it is stored on: value types and the two interfaces every store has.

A *stream* holds the events of one session or one workspace. It has an ``epoch``, the random id of one life of
the stream, and its entries are numbered by a contiguous ``seq`` from 1. Cursors of two epochs do not compare.

All methods may raise JournalUnavailableError; what they were asked to do may be repeated then, an append
included: one whose entries are all there already is answered as if it had just been written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, Protocol

from msgspec import Struct

from actors.errors import FenceRefusedError, SeqConflictError

Durability = Literal["process", "disk"]
"""What a commit outlives: the end of our process, or a loss of power too."""

PAGE_ENTRIES: Final = 500
PAGE_BYTES: Final = 1 << 20


class NewEntry(Struct, frozen=True, gc=False, array_like=True):
    """An event to be written; ``at`` is epoch milliseconds and should not fall within a stream.

    The order of the fields is part of how the SQLite journal stores entries.
    """

    kind: str
    payload: bytes
    at: int


class Entry(Struct, frozen=True, gc=False):
    """A committed event."""

    stream: str
    seq: int
    kind: str
    payload: bytes
    at: int


class StreamAppend(Struct, frozen=True):
    """What one writer wants to add to one stream.

    ``first_seq`` is what the first entry's seq must come to be: one more than the stream's last. ``meta``, if
    not None, replaces the stream's record in the same commit; an append may consist of it alone. A stream
    belongs to the workspace of its first append.
    """

    stream: str
    workspace: str
    fence: int
    first_seq: int
    entries: Sequence[NewEntry]
    meta: bytes | None = None

    @property
    def last_seq(self) -> int:
        """The seq of the last entry; ``first_seq`` - 1 if there is none."""
        return self.first_seq + len(self.entries) - 1


class Appended(Struct, frozen=True, gc=False):
    """The append is committed; ``last_seq`` is that of its last entry."""

    stream: str
    epoch: str
    last_seq: int


class Refused(Struct, frozen=True):
    """Nothing of the append was written, and repeating it would not help."""

    stream: str
    error: FenceRefusedError | SeqConflictError


AppendResult = Appended | Refused


class Page(Struct, frozen=True):
    """Entries after a seq, as many as the limits let through, and where the stream stands.

    A stream that was never written has the epoch "", ``first_kept`` 1 and ``last_seq`` 0.
    """

    after_seq: int
    entries: Sequence[Entry]
    first_kept: int
    last_seq: int
    epoch: str

    @property
    def gap(self) -> bool:
        """Whether entries after ``after_seq`` were trimmed: what follows does not join on to it."""
        return self.first_kept > self.after_seq + 1


def complete(page: Page) -> Sequence[Entry]:
    """The entries of a page that reaches to the end of its stream; none of one that does not."""
    return page.entries if page.entries and page.entries[-1].seq == page.last_seq else ()


class Head(Struct, frozen=True, gc=False):
    """Where a stream stands, and its record."""

    stream: str
    workspace: str
    epoch: str
    first_kept: int
    last_seq: int
    payload_bytes: int
    meta: bytes | None


class Size(Struct, frozen=True, gc=False):
    """What is kept: entries, and bytes of their payloads."""

    entries: int
    payload_bytes: int


class Placement(Struct, frozen=True, gc=False):
    """A lease: ``worker`` holds ``workspace`` until ``expires_at``, epoch milliseconds of the store's clock.

    A lease that ran out still stands until it is granted to another; its fence is good until then.
    """

    workspace: str
    worker: str
    fence: int
    expires_at: int


class Placements(Protocol):
    """Which worker holds a workspace. A worker's name stands for one life of its process."""

    async def acquire(
        self, workspace: str, worker: str, lease_s: float, seize_from: frozenset[str] = frozenset()
    ) -> Placement:
        """Take a workspace that is free or whose lease ran out; a live lease of our own is prolonged.

        A live lease of a worker in ``seize_from``, those known to be dead, is treated as one that ran out.
        Returns the placement that stands afterwards: another's, if its ``worker`` is not the one that asked.
        Every grant but the prolonging of a live lease has a higher fence than all before.
        """

    async def renew(self, held: Sequence[Placement], lease_s: float) -> Sequence[Placement]:
        """Prolong leases, late ones too; returns those that still stand, in order. The rest are lost."""

    async def release(self, placement: Placement) -> bool:
        """Give a workspace back. False if the placement had been lost before."""

    async def release_all(self, worker: str) -> int:
        """Give back all that a worker holds; returns how many workspaces that were."""

    async def lookup(self, workspace: str) -> Placement | None:
        """The placement that stands, its lease run out or not; None if nobody holds the workspace."""

    async def held_by(self, worker: str) -> Sequence[Placement]:
        """All placements of a worker, in the order of their workspaces."""


class Journal(Placements, Protocol):
    """Append-only streams, written under a fence."""

    async def append(self, batch: Sequence[StreamAppend]) -> Sequence[AppendResult]:
        """Write a batch in one commit; results in its order.

        An append is refused alone, by FenceRefusedError where its fence is lower than the newest granted for
        its workspace or the stream belongs to another workspace, by SeqConflictError where it does not follow
        on the stream's last entry. All others of the batch are committed together, or none of them is.
        """

    async def read(
        self,
        stream: str,
        after_seq: int,
        limit_entries: int = PAGE_ENTRIES,
        limit_bytes: int = PAGE_BYTES,
    ) -> Page:
        """Kept entries after ``after_seq``, in order: at least one if there is any, else up to both limits.

        Entries that were trimmed are never passed over in silence: ``Page.gap`` tells.
        """

    async def tail(
        self,
        stream: str,
        after_seq: int,
        deadline_s: float,
        limit_entries: int = PAGE_ENTRIES,
        limit_bytes: int = PAGE_BYTES,
    ) -> Page:
        """As ``read``, but waits for an entry after ``after_seq``; a page without one at the deadline."""

    async def head(self, stream: str) -> Head | None:
        """Where a stream stands; None if it was never written."""

    async def newest(
        self, stream: str, limit_entries: int, limit_bytes: int = PAGE_BYTES
    ) -> tuple[Head, Sequence[Entry]] | None:
        """A stream's head and its newest entries, in order, up to ``limit_entries`` of those that are kept.

        There are none where they have more than ``limit_bytes`` together. None for a stream that was never
        written.
        """

    async def size(self, stream: str | None = None) -> Size:
        """What is kept of a stream, or of all."""

    async def streams(self, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[str]:
        """Ids that begin with ``prefix`` and come after ``after``, in the order of their UTF-8 bytes."""

    async def heads(self, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[Head]:
        """As ``streams``, but where each stands, with its record. Fewer than ``limit`` are the last."""

    async def trim(
        self, stream: str, *, keep_count: int | None = None, older_than_ms: int | None = None
    ) -> int:
        """Drop a stream's oldest entries; returns the first seq that is kept.

        ``keep_count``: all but the last so many. ``older_than_ms``, a moment in epoch milliseconds: those
        before the first entry whose ``at`` is not before it. Given both, whatever either drops.
        """

    async def delete(self, stream: str) -> None:
        """End a stream's life. The next append to the same id begins a new one, with a new epoch."""

    async def scrub(self) -> None:
        """See to it that what was trimmed or deleted is not in the store's files, as far as it can."""

    async def close(self) -> None:
        """Let go of the store. Every later call raises JournalUnavailableError."""
