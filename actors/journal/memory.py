"""A journal in the memory of this process: for tests and trials. It ends with the process."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from actors.errors import JournalUnavailableError
from actors.journal import refusals
from actors.journal.arrivals import Arrivals
from actors.journal.clock import epoch_ms
from actors.journal.contract import (
    PAGE_BYTES,
    PAGE_ENTRIES,
    Appended,
    AppendResult,
    Entry,
    Head,
    Page,
    Placement,
    Size,
    StreamAppend,
    complete,
)


@dataclass(slots=True)
class _Stream:
    workspace: str
    epoch: str = field(default_factory=lambda: secrets.token_hex(8))
    first_kept: int = 1
    entries: list[Entry] = field(default_factory=list)
    meta: bytes | None = None

    @property
    def last_seq(self) -> int:
        return self.first_kept + len(self.entries) - 1

    def between(self, first_seq: int, last_seq: int) -> list[Entry]:
        return self.entries[max(0, first_seq - self.first_kept) : max(0, last_seq + 1 - self.first_kept)]

    def payload_bytes(self) -> int:
        return sum(len(entry.payload) for entry in self.entries)

    def head(self, name: str) -> Head:
        return Head(
            name,
            self.workspace,
            self.epoch,
            self.first_kept,
            self.last_seq,
            self.payload_bytes(),
            self.meta,
        )


class MemoryJournal:
    """The contract in its plainest form. ``clock`` gives epoch milliseconds."""

    def __init__(self, clock: Callable[[], int] = epoch_ms) -> None:
        self._clock = clock
        self._streams: dict[str, _Stream] = {}
        self._placements: dict[str, Placement] = {}
        self._arrivals = Arrivals(poll_s=60.0)
        self._closed = False

    # ------------------------------------------------------------------ streams

    async def append(self, batch: Sequence[StreamAppend]) -> Sequence[AppendResult]:
        """See ``Journal.append``."""
        self._check_open()
        results = [self._append(append) for append in batch]
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
        self._check_open()
        found = self._streams.get(stream)
        if found is None:
            return Page(after_seq, (), 1, 0, "")
        entries: list[Entry] = []
        size = 0
        for entry in found.between(after_seq + 1, after_seq + max(limit_entries, 1) + found.first_kept):
            size += len(entry.payload)
            if entries and (size > limit_bytes or len(entries) >= limit_entries):
                break
            entries.append(entry)
        return Page(after_seq, entries, found.first_kept, found.last_seq, found.epoch)

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
        self._check_open()
        found = self._streams.get(stream)
        return None if found is None else found.head(stream)

    async def newest(
        self, stream: str, limit_entries: int, limit_bytes: int = PAGE_BYTES
    ) -> tuple[Head, Sequence[Entry]] | None:
        """See ``Journal.newest``."""
        head = await self.head(stream)
        if head is None:
            return None
        after_seq = max(head.last_seq - limit_entries, head.first_kept - 1)
        return head, complete(await self.read(stream, after_seq, limit_entries, limit_bytes))

    async def size(self, stream: str | None = None) -> Size:
        """See ``Journal.size``."""
        self._check_open()
        counted = [one for name, one in self._streams.items() if stream in (None, name)]
        return Size(sum(len(one.entries) for one in counted), sum(one.payload_bytes() for one in counted))

    async def streams(self, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[str]:
        """See ``Journal.streams``."""
        self._check_open()
        return sorted(name for name in self._streams if name.startswith(prefix) and name > after)[:limit]

    async def heads(self, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[Head]:
        """See ``Journal.heads``."""
        return [self._streams[name].head(name) for name in await self.streams(prefix, after, limit)]

    async def trim(
        self, stream: str, *, keep_count: int | None = None, older_than_ms: int | None = None
    ) -> int:
        """See ``Journal.trim``."""
        self._check_open()
        found = self._streams.get(stream)
        if found is None:
            return 1
        dropped = 0
        if keep_count is not None:
            dropped = max(0, len(found.entries) - max(0, keep_count))
        if older_than_ms is not None:
            young = (n for n, entry in enumerate(found.entries) if entry.at >= older_than_ms)
            dropped = max(dropped, next(young, len(found.entries)))
        del found.entries[:dropped]
        found.first_kept += dropped
        return found.first_kept

    async def delete(self, stream: str) -> None:
        """See ``Journal.delete``."""
        self._check_open()
        self._streams.pop(stream, None)

    async def scrub(self) -> None:
        """See ``Journal.scrub``. There are no files."""
        self._check_open()

    async def close(self) -> None:
        """See ``Journal.close``."""
        self._closed = True

    def _append(self, append: StreamAppend) -> AppendResult:
        placement = self._placements.get(append.workspace)
        newest = 0 if placement is None else placement.fence
        if append.fence < newest:
            return refusals.by_fence(append, newest)
        found = self._streams.get(append.stream)
        if found is None:
            found = _Stream(append.workspace)
        if found.workspace != append.workspace:
            return refusals.by_workspace(append)
        entries = [
            Entry(append.stream, append.first_seq + n, new.kind, new.payload, new.at)
            for n, new in enumerate(append.entries)
        ]
        if append.first_seq != found.last_seq + 1:
            if entries and found.between(append.first_seq, append.last_seq) == entries:
                return Appended(append.stream, found.epoch, append.last_seq)
            return refusals.by_seq(append, found.last_seq)
        found.entries += entries
        if append.meta is not None:
            found.meta = append.meta
        self._streams[append.stream] = found
        return Appended(append.stream, found.epoch, append.last_seq)

    # ------------------------------------------------------------------ placements

    async def acquire(
        self, workspace: str, worker: str, lease_s: float, seize_from: frozenset[str] = frozenset()
    ) -> Placement:
        """See ``Placements.acquire``."""
        self._check_open()
        now = self._clock()
        standing = self._placements.get(workspace, Placement(workspace, "", 0, 0))
        live = standing.worker != "" and standing.expires_at > now and standing.worker not in seize_from
        if live and standing.worker != worker:
            return standing
        fence = standing.fence if live else standing.fence + 1
        granted = Placement(workspace, worker, fence, now + round(lease_s * 1000))
        self._placements[workspace] = granted
        return granted

    async def renew(self, held: Sequence[Placement], lease_s: float) -> Sequence[Placement]:
        """See ``Placements.renew``."""
        self._check_open()
        expires_at = self._clock() + round(lease_s * 1000)
        renewed = []
        for one in held:
            if self._stands(one):
                prolonged = Placement(one.workspace, one.worker, one.fence, expires_at)
                self._placements[one.workspace] = prolonged
                renewed.append(prolonged)
        return renewed

    async def release(self, placement: Placement) -> bool:
        """See ``Placements.release``."""
        self._check_open()
        if not self._stands(placement):
            return False
        # The row stays for its fence: the next grant must be higher.
        self._placements[placement.workspace] = Placement(placement.workspace, "", placement.fence, 0)
        return True

    async def release_all(self, worker: str) -> int:
        """See ``Placements.release_all``."""
        held = await self.held_by(worker)
        for one in held:
            await self.release(one)
        return len(held)

    async def lookup(self, workspace: str) -> Placement | None:
        """See ``Placements.lookup``."""
        self._check_open()
        standing = self._placements.get(workspace)
        return standing if standing is not None and standing.worker else None

    async def held_by(self, worker: str) -> Sequence[Placement]:
        """See ``Placements.held_by``."""
        self._check_open()
        return [one for _, one in sorted(self._placements.items()) if one.worker == worker]

    def _stands(self, placement: Placement) -> bool:
        standing = self._placements.get(placement.workspace)
        return standing is not None and (standing.worker, standing.fence) == (
            placement.worker,
            placement.fence,
        )

    def _check_open(self) -> None:
        if self._closed:
            raise JournalUnavailableError("the journal is closed")
