"""A session's way into the journal: what happens waits here until it is committed, and only then is shown."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from actors import errors
from actors.connection.events import Event, EventKind, to_entry
from actors.journal.clock import epoch_ms
from actors.journal.contract import AppendResult, Refused, StreamAppend
from actors.journal.group_commit import AppendSource
from actors.metrics.catalogue import ADDED_SECONDS
from actors.metrics.meters import meters
from actors.placement.leases import Lease

log = logging.getLogger("lumilink.connection")

RECORD_BYTES = 1024
"""About what the record of a session adds to a commit."""


class Writer(Protocol):
    """The worker's group writer."""

    @property
    def is_full(self) -> bool:
        """Whether new work should be refused: as much waits for the journal as may wait."""

    def add(self, source: AppendSource, size: int) -> None:
        """``size`` more bytes wait in ``source``."""


Then = Callable[[], None]


class SessionStream:
    """The event stream of one session, and an ``AppendSource`` of its worker's writer.

    ``show`` gets the events once they are committed; ``then``, given with an event, is called right after it.
    ``describe`` makes the session's record. ``lost`` is called, once, if the journal refuses the session's
    events (another worker has its workspace) or they cannot be shown; nothing is shown after that.
    """

    __slots__ = (
        "_arrived",
        "_describe",
        "_lease",
        "_lost",
        "_over",
        "_progress",
        "_record_changed",
        "_show",
        "_taken",
        "_thens",
        "_timed",
        "_under_way",
        "_waiting",
        "_writer",
        "last_seq",
        "name",
    )

    def __init__(
        self,
        name: str,
        writer: Writer,
        lease: Lease,
        *,
        describe: Callable[[], bytes],
        show: Callable[[Sequence[Event]], None],
        lost: Callable[[errors.LumiLinkError], None],
        last_seq: int = 0,
    ) -> None:
        self.name = name
        self.last_seq = last_seq
        self._writer = writer
        self._lease = lease
        self._describe = describe
        self._show = show
        self._lost = lost
        self._waiting: list[Event] = []
        self._taken: list[Event] = []
        self._thens: dict[int, Then] = {}
        self._record_changed = False
        self._over = False
        self._under_way = False
        self._arrived = self._timed = 0.0
        self._progress = asyncio.Event()

    def append(self, kind: EventKind, message: bytes, concerns: str = "", then: Then | None = None) -> None:
        """Add the event of ``last_seq + 1``; nothing, once the stream is over.

        Raises JournalUnavailableError after the worker's end.
        """
        if self._over:
            return
        self._writer.add(self, len(message))
        self.last_seq += 1
        self._waiting.append(Event(self.last_seq, kind, message, concerns))
        if then is not None:
            self._thens[self.last_seq] = then

    def time_from(self, arrived: float) -> None:
        """Measure how long what was added last takes until it is shown, from when it came in."""
        self._arrived = arrived

    def save(self) -> None:
        """The session's record changed: it goes with the next commit."""
        if not (self._record_changed or self._over):
            self._record_changed = True
            self._writer.add(self, RECORD_BYTES)

    @property
    def is_full(self) -> bool:
        """Whether new work should be refused: as much waits for the journal as may wait."""
        return self._writer.is_full

    async def settled(self) -> None:
        """Wait until all that was added is committed, or never will be."""
        while not self._over and (self._waiting or self._record_changed or self._under_way):
            self._progress.clear()
            await self._progress.wait()

    def release(self) -> None:
        """Nobody wants to be shown anything more. What is not committed by now still will be."""
        record = self._describe()
        self._over = True
        self._describe = lambda: record
        self._show = _ignore
        self._lost = _ignore
        self._thens.clear()

    # ------------------------------------------------------------------ AppendSource

    def take(self) -> StreamAppend:
        """What waits, for the commit that is being gathered."""
        self._taken, self._waiting = self._waiting, []
        record = self._describe() if self._record_changed else None
        self._record_changed = False
        self._under_way = True
        self._timed, self._arrived = self._arrived, 0.0
        now = epoch_ms()
        return StreamAppend(
            self.name,
            self._lease.workspace,
            self._lease.fence,
            self.last_seq + 1 - len(self._taken),
            [to_entry(event, now) for event in self._taken],
            record,
        )

    def told(self, result: AppendResult) -> None:
        """The commit is done: show what it held. Or it was refused, and then nothing more is shown."""
        taken, self._taken = self._taken, []
        self._under_way = False
        self._progress.set()
        if self._over:
            return
        if isinstance(result, Refused):
            self._give_up(result.error)
            return
        try:
            self._show_all(taken)
        except Exception as error:
            log.exception("the events of %s could not be shown", self.name)
            self._give_up(errors.InternalError(f"showing events failed: {type(error).__name__}"))
        if self._timed:
            meters().observe(ADDED_SECONDS, time.monotonic() - self._timed)

    def _show_all(self, events: list[Event]) -> None:
        """Show what was committed, at one go but for what has to come between."""
        thens = self._thens
        if not thens:
            self._show(events)
            return
        begin = 0
        for end, event in enumerate(events, 1):
            then = thens.pop(event.seq, None)
            if then is not None:
                self._show(events[begin:end])
                begin = end
                then()
        self._show(events[begin:])

    def _give_up(self, error: errors.LumiLinkError) -> None:
        self._over = True
        self._waiting.clear()
        self._thens.clear()
        self._lost(error)


def _ignore(_told: object) -> None:
    """Nobody is there to be told."""
