"""A stream that is being projected: where it stands in the store, and what is known of it in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from actors.connection.events import EventKind
from actors.connection.sealing import Sealer
from actors.journal.contract import Entry, Head, Journal, Page
from actors.projector import state as states
from actors.projector.automations import AutomationProjection
from actors.projector.derived import Derived, log
from actors.projector.erasures import ErasureProjection
from actors.projector.facts import SessionFacts
from actors.projector.feed import FeedProjection
from actors.projector.live import LATEST_MS
from actors.projector.session import SessionProjection
from actors.projector.state import SessionState, StreamState
from actors.projector.streams import Address, StreamKind
from actors.projector.workspace import WorkspaceProjection
from actors.records import Position, Standing, StreamBatch

PAGE_ENTRIES: Final = 500
PAGE_BYTES: Final = 256 * 1024

Projection = (
    SessionProjection | WorkspaceProjection | AutomationProjection | FeedProjection | ErasureProjection
)


class Tracked:
    """One stream. After a write that failed it is to be forgotten: what it knows is ahead of the store."""

    __slots__ = ("_projection", "_read_to", "_sealer", "address", "is_behind", "standing", "telling")

    def __init__(self, address: Address, standing: Standing | None, sealer: Sealer | None) -> None:
        self.address = address
        self.standing = standing
        self.telling = 0
        """So many batches of its live events are on their way."""
        self.is_behind = False
        """Whether the journal has more of it than was read."""
        self._sealer = sealer
        self._projection: Projection | None = None
        self._read_to = 0 if standing is None else standing.position.seq

    async def read(self, journal: Journal, now: int, *, is_quiet: bool) -> tuple[StreamBatch, Derived] | None:
        """Derive what the next page says; None if there is nothing to write.

        ``is_quiet``: nothing came for a while, so what goes on is written as it is. Raises
        JournalUnavailableError.
        """
        page = await journal.read(self.address.stream, self._read_to, PAGE_ENTRIES, PAGE_BYTES)
        if not page.epoch:
            return None
        projection = self._projection
        if projection is None or projection.epoch != page.epoch:
            projection = self._projection = await self._begin(journal, page.epoch)
            self._read_to = self._where_it_goes_on(projection.state)
            page = await journal.read(self.address.stream, self._read_to, PAGE_ENTRIES, PAGE_BYTES)
            if page.epoch != projection.epoch:
                self._projection = None
                return None
        return await self._derive(journal, projection, page, now, is_quiet=is_quiet)

    async def _derive(
        self, journal: Journal, projection: Projection, page: Page, now: int, *, is_quiet: bool
    ) -> tuple[StreamBatch, Derived] | None:
        applied, derived, state = self._applied, Derived(), projection.state
        if page.gap:
            log.warning("%s: entries before %d are gone", self.address.stream, page.first_kept)
            projection.break_off(derived)
        projection.project(page.entries, applied, now - LATEST_MS, derived)
        upto = page.entries[-1].seq if page.entries else max(self._read_to, page.first_kept - 1)
        self._read_to = upto
        self.is_behind = upto < page.last_seq
        if not self.is_behind and _asks_for_record(page.entries, applied):
            await self._finish(journal, projection, upto, derived)
        if is_quiet:
            projection.flush(upto, derived)
        upto = max(upto, applied)
        if not derived.events and not self.telling:
            state.told = upto
        kept = states.encode(state)
        since = self.standing
        says_nothing = not (derived.changes or derived.aside or derived.events)
        if since is not None and (since.position.seq, since.state) == (upto, kept) and says_nothing:
            return None
        position = Position(self.address.stream, page.epoch, upto)
        batch = StreamBatch(self.address.installation, since, position, kept, derived.changes, derived.aside)
        return batch, derived

    def was_told(self) -> None:
        """One batch of its live events is posted."""
        self.telling -= 1
        if not self.telling and self._projection is not None:
            self._projection.state.told = self._applied

    @property
    def waits_for_flush(self) -> bool:
        """Whether a message goes on, or it is not written yet how far it was told."""
        projection = self._projection
        return projection is not None and (projection.has_waiting or projection.state.told < self._applied)

    @property
    def has_counted(self) -> bool:
        """Whether something was counted and not written."""
        return self._projection is not None and self._projection.has_counted

    @property
    def mark(self) -> bytes:
        """Of the stream's record that was projected last."""
        return b"" if self._projection is None else self._projection.state.meta_mark

    # ------------------------------------------------------------------ within

    @property
    def _applied(self) -> int:
        """The seq up to which the store has this life of the stream."""
        standing, projection = self.standing, self._projection
        if standing is None or projection is None or standing.position.epoch != projection.epoch:
            return 0
        return standing.position.seq

    def _where_it_goes_on(self, state: StreamState) -> int:
        """Behind what was applied, but before a message that goes on, and before what was not told."""
        applied = self._applied
        return min(applied, state.told, state.fold_from - 1 if state.fold_from else applied)

    async def _begin(self, journal: Journal, epoch: str) -> Projection:
        standing = self.standing
        is_known = standing is not None and standing.position.epoch == epoch
        kept = standing.state if is_known and standing is not None else None
        address = self.address
        if address.kind is StreamKind.FEED:
            return FeedProjection(address, epoch, states.decode(kept, StreamState))
        if address.kind is StreamKind.ERASURES:
            return ErasureProjection(address, epoch, states.decode(kept, StreamState))
        if address.kind is StreamKind.AUTOMATION:
            return AutomationProjection(address, epoch, states.decode(kept, StreamState))
        if address.kind is StreamKind.WORKSPACE:
            return WorkspaceProjection(address, epoch, states.decode(kept, StreamState))
        facts = SessionFacts.of(await self._head(journal), self._sealer)
        return SessionProjection(address, epoch, states.decode(kept, SessionState), facts)

    async def _finish(self, journal: Journal, projection: Projection, upto: int, derived: Derived) -> None:
        if isinstance(projection, SessionProjection):
            head = await self._head(journal)
            projection.finish(SessionFacts.of(head, self._sealer), upto, derived)
        elif isinstance(projection, FeedProjection):
            projection.finish(await self._head(journal), upto, derived)

    async def _head(self, journal: Journal) -> Head:
        head = await journal.head(self.address.stream)
        return head or Head(self.address.stream, "", "", 1, 0, 0, None)


_UPDATE: Final = EventKind.UPDATE.value


def _asks_for_record(entries: Sequence[Entry], applied: int) -> bool:
    """Whether the stream's record may have changed: an agent's updates alone hardly ever do that."""
    new = [entry for entry in entries if entry.seq > applied]
    return not new or any(entry.kind != _UPDATE for entry in new)
