"""One installation's feed, read once in this process for all clients that watch it.

The newest events are kept for all of them; a client that is further behind reads from the journal by itself.
So whoever is slow costs a position and nothing more.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from actors import errors
from actors.events.contract import FeedEvent, FeedPage

log = logging.getLogger("lumilink.reporting")

KEPT: Final = 1_000
WAIT_S: Final = 10.0
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 2.0
_CURSOR: Final = re.compile(r"0|([0-9a-f]{1,64})-([0-9]{1,15})", re.ASCII)


class FeedReader(Protocol):
    """How feeds are read; ``EventsClient`` is one."""

    async def read(self, installation: str, after_seq: int | None, wait_s: float) -> FeedPage:
        """See ``Feeds.read``."""


@dataclass(frozen=True, slots=True)
class Position:
    """What a client has seen: all up to ``seq`` of one life of the feed; nothing, if the epoch is ""."""

    epoch: str
    seq: int

    @classmethod
    def parse(cls, cursor: str) -> Position:
        """Read a cursor; ``0`` is the beginning. Raises InvalidParamsError."""
        found = _CURSOR.fullmatch(cursor)
        if found is None:
            raise errors.InvalidParamsError("cursor: expected that of an event, or 0")
        return cls(found[1] or "", int(found[2] or 0))

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}" if self.epoch else "0"

    def seq_in(self, epoch: str) -> int | None:
        """Its seq in one life of the feed; None if it is of another."""
        return self.seq if self.epoch in ("", epoch) else None


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that follow on a position, and the position after them.

    ``lost``: what stood between is not kept any more, or was of another life of the feed.
    """

    events: Sequence[FeedEvent]
    after: Position
    lost: bool = False


class FeedFollower:
    """Follows while ``run`` runs; any number of clients ask it for what comes after their positions."""

    def __init__(self, reader: FeedReader, installation: str) -> None:
        self._reader = reader
        self._installation = installation
        self._recent: deque[FeedEvent] = deque(maxlen=KEPT)
        self._end: Position | None = None
        self._grown = asyncio.Event()

    async def run(self) -> None:
        """Follow the feed for as long as anybody watches; a feed that is away is asked for again."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self._follow()
                pause = FIRST_PAUSE_S
            except errors.LumiLinkError as error:
                log.warning("the feed of events is away: %s", error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)

    async def end(self, wait_s: float) -> Position | None:
        """Where the feed ends now; None if that does not become known within ``wait_s``."""
        try:
            async with asyncio.timeout(wait_s):
                return await self._known_end()
        except TimeoutError:
            return None

    async def after(self, position: Position, wait_s: float) -> Batch:
        """What follows on a position; empty if nothing does within ``wait_s``. Raises what reading raises."""
        try:
            async with asyncio.timeout(wait_s):
                end = await self._known_end()
                # A client that comes from another process may have seen more than we have.
                while (seq := position.seq_in(end.epoch)) is not None and seq >= end.seq:
                    await self._grown.wait()
                    end = await self._known_end()
        except TimeoutError:
            return Batch((), position)
        if seq is None:
            return Batch((), Position(end.epoch, 0), lost=True)
        if self._recent and self._recent[0].seq <= seq + 1:
            events = [event for event in self._recent if event.seq > seq]
            return Batch(events, Position(end.epoch, events[-1].seq))
        return self._read_on(await self._reader.read(self._installation, seq, 0.0), position)

    def _read_on(self, page: FeedPage, position: Position) -> Batch:
        if position.seq_in(page.epoch) is None:
            return Batch((), Position(page.epoch, 0), lost=True)
        after = page.events[-1].seq if page.events else page.last_seq
        return Batch(page.events, Position(page.epoch, after), lost=page.gap and position.seq > 0)

    async def _known_end(self) -> Position:
        while self._end is None:
            await self._grown.wait()
        return self._end

    async def _follow(self) -> None:
        known = self._end
        page = await self._reader.read(self._installation, None if known is None else known.seq, WAIT_S)
        if known is not None and known.epoch not in ("", page.epoch):
            # Another life of the feed: what is kept of the last one is worth nothing.
            self._recent.clear()
            self._move(Position(page.epoch, 0))
        elif page.events or known is None:
            if page.gap and known is not None:
                self._recent.clear()
            self._recent.extend(page.events)
            self._move(Position(page.epoch, page.events[-1].seq if page.events else page.last_seq))

    def _move(self, end: Position) -> None:
        self._end = end
        # Each waiter has the event it waits on; the next one is for those that wait from now on.
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()


class Followers:
    """A follower for each feed that somebody watches, from the first who does to the last."""

    def __init__(self, reader: FeedReader) -> None:
        self._reader = reader
        self._running: dict[str, tuple[FeedFollower, asyncio.Task[None]]] = {}
        self._watching: dict[str, int] = {}

    @property
    def watching(self) -> int:
        """How many watch, all feeds together."""
        return sum(self._watching.values())

    @asynccontextmanager
    async def watch(self, installation: str) -> AsyncIterator[FeedFollower]:
        """The follower of a feed, for as long as this is entered."""
        if installation not in self._running:
            follower = FeedFollower(self._reader, installation)
            task = asyncio.get_running_loop().create_task(follower.run(), name="follow events")
            task.add_done_callback(_ended)
            self._running[installation] = follower, task
        follower, task = self._running[installation]
        self._watching[installation] = self._watching.get(installation, 0) + 1
        try:
            yield follower
        finally:
            self._watching[installation] -= 1
            if not self._watching[installation]:
                del self._watching[installation], self._running[installation]
                task.cancel()


def _ended(following: asyncio.Task[None]) -> None:
    if not following.cancelled() and (error := following.exception()) is not None:
        log.critical("following events ended with %s", type(error).__name__)
