"""A stream with one writer, which knows the stream as long as it holds the lease and no write has failed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from actors import errors
from actors.journal.contract import Head, Journal, NewEntry, Refused, StreamAppend
from actors.placement.leases import HeldElsewhereError, Lease, Leases

log = logging.getLogger("lumilink.placement")

OnHeld = Callable[[Head | None], Awaitable[None]]


class LeasedStream:
    """Writes one stream, under a lease that it takes with its first write. Its callers take turns.

    ``what`` is in it, as errors name it. ``on_held`` is told where the stream stands whenever it is not known
    any more what was written last: at first, and after a failure, since a write whose answer was lost may
    have been done.
    """

    def __init__(self, journal: Journal, leases: Leases, name: str, what: str, on_held: OnHeld) -> None:
        self.name = name
        self.last_seq = 0
        self._journal = journal
        self._leases = leases
        self._what = what
        self._on_held = on_held
        self._lease: Lease | None = None

    async def hold(self) -> None:
        """Take the lease if need be.

        Raises JournalUnavailableError, and WorkerUnavailableError where another process writes the stream.
        """
        if self._lease is not None:
            return
        try:
            lease = await self._leases.acquire(self.name, self._lost)
        except HeldElsewhereError:
            raise errors.WorkerUnavailableError(f"another process writes {self._what}", 5.0) from None
        head = await self._journal.head(self.name)
        self.last_seq = 0 if head is None else head.last_seq
        await self._on_held(head)
        self._lease = lease

    async def append(self, entries: Sequence[NewEntry], meta: bytes | None) -> None:
        """Write entries and the record, if there is one, in one commit. Raises what ``hold`` raises.

        What was known of the stream counts no more after that: ``hold`` comes before the next try.
        """
        await self.hold()
        lease = self._lease
        assert lease is not None
        append = StreamAppend(self.name, self.name, lease.fence, self.last_seq + 1, entries, meta)
        try:
            [result] = await self._journal.append([append])
        except BaseException:
            self._lease = None  # nobody knows whether it was done
            raise
        if isinstance(result, Refused):
            self._lease = None
            log.warning("%s: a write was not taken: %s", self.name, result.error)
            raise errors.WorkerUnavailableError(f"{self._what}: another process takes over", 0.5)
        self.last_seq = result.last_seq

    async def release(self) -> None:
        """Give the stream back, so that the next writer need not wait."""
        lease, self._lease = self._lease, None
        if lease is not None:
            await self._leases.release(lease)

    def _lost(self) -> None:
        self._lease = None
