"""How a worker writes: what waits in many streams is gathered into one commit after another."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from actors.errors import JournalUnavailableError
from actors.journal.contract import AppendResult, Journal, Refused, StreamAppend
from actors.journal.group_limits import WriterLimits, WriterState, WriterStatistics

_CANCEL_GRACE_S: Final = 5.0

log = logging.getLogger("lumilink.journal")


class AppendSource(Protocol):
    """Where the events of one stream wait until a commit takes them. Hashed by its identity.

    An exception in it is logged and hurts no other source.
    """

    def take(self) -> StreamAppend:
        """Everything that waits, as one append; called when a commit is gathered.

        Never empty-handed: an append that has no entries has a record.
        """

    def told(self, result: AppendResult) -> None:
        """What became of the append that was taken last; called before the next commit is gathered."""


class _Waiting:
    """What a source has to add since it was last taken from."""

    __slots__ = ("entries", "size", "source")

    def __init__(self, source: AppendSource) -> None:
        self.source = source
        self.entries = 0
        self.size = 0


class GroupWriter:
    """Commits what waits in sources, each commit as soon as the last one is done.

    Sources are taken from in the order in which they were added, each once a commit, so a stream under load
    has few and long appends. Belongs to one event loop. ``on_state`` hears of each new state; ``on_pressed``
    hears True when agents should be paused, and False when they may go on, ``on_committed`` what became of
    each commit, ``on_timed`` how many entries it had and how many seconds it took, repeats included. Nothing
    is told before it is committed. While the store is unavailable the same commit is repeated, so the order
    stays and nothing is lost or written twice.
    """

    def __init__(
        self,
        journal: Journal,
        limits: WriterLimits | None = None,
        on_state: Callable[[WriterState], None] = lambda state: None,
        on_pressed: Callable[[bool], None] = lambda pressed: None,
        on_committed: Callable[[Sequence[AppendResult]], None] = lambda results: None,
        on_timed: Callable[[int, float], None] = lambda entries, seconds: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._journal = journal
        self._limits = limits or WriterLimits()
        self._on_state = on_state
        self._on_pressed = on_pressed
        self._on_committed = on_committed
        self._on_timed = on_timed
        self._chance = chance
        self._state = WriterState.HEALTHY
        self._queue: deque[_Waiting] = deque()
        self._queued: dict[AppendSource, _Waiting] = {}
        self._waiting_entries = 0
        self._waiting_bytes = 0
        self._pressed = False
        self._pressing_entries = self._limits.waiting_entries * self._limits.pressed_share
        self._pressing_bytes = self._limits.waiting_bytes * self._limits.pressed_share
        self._filled = asyncio.Event()
        self._commits = self._appends = self._refused = self._retries = 0
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="journal:group-writer")
        self._task.add_done_callback(self._ended)

    def add(self, source: AppendSource, size: int) -> None:
        """One more entry, or a new record, of ``size`` bytes waits in ``source``.

        It counts against what may wait until its commit is done; it is never refused for that, see
        ``is_full``. Raises JournalUnavailableError once the writer is closed or has failed.
        """
        if self._closing or self._task.done():
            raise JournalUnavailableError(f"the journal's writer is {self._state.value}")
        waiting = self._queued.get(source)
        if waiting is None:
            waiting = self._queued[source] = _Waiting(source)
            self._queue.append(waiting)
            self._filled.set()
        waiting.entries += 1
        waiting.size += size
        self._waiting_entries += 1
        self._waiting_bytes += size
        if not self._pressed and (
            self._waiting_entries >= self._pressing_entries or self._waiting_bytes >= self._pressing_bytes
        ):
            self._press(True)

    @property
    def is_full(self) -> bool:
        """Whether as much waits as may wait: whoever can refuse new work should."""
        limits = self._limits
        return self._waiting_entries >= limits.waiting_entries or self._waiting_bytes >= limits.waiting_bytes

    def statistics(self) -> WriterStatistics:
        """A snapshot of the counts."""
        return WriterStatistics(
            self._state,
            self._waiting_entries,
            self._waiting_bytes,
            self._commits,
            self._appends,
            self._refused,
            self._retries,
        )

    async def close(self, deadline_s: float) -> int:
        """Take no more, and commit what waits until the deadline; returns how many entries are left over.

        Of those that are left nobody is told. The commit that was under way at the deadline may yet be done.
        """
        self._closing = True
        self._filled.set()
        _, late = await asyncio.wait([self._task], timeout=deadline_s)
        if late:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_CANCEL_GRACE_S)
        return self._waiting_entries

    # ------------------------------------------------------------------ committing

    async def _run(self) -> None:
        while await self._something_waits():
            group, batch = self._gather()
            began = self._loop.time()
            results = await self._commit(batch)
            self._on_timed(sum(waiting.entries for waiting in group), self._loop.time() - began)
            self._tell(group, results)

    async def _something_waits(self) -> bool:
        while not self._queue and not self._closing:
            self._filled.clear()
            await self._filled.wait()
        return bool(self._queue)

    def _gather(self) -> tuple[list[_Waiting], list[StreamAppend]]:
        """The next commit: one source's append at least, and those of the others that fit in with it."""
        group: list[_Waiting] = []
        batch: list[StreamAppend] = []
        entries = size = 0
        while self._queue:
            waiting = self._queue[0]
            entries += waiting.entries
            size += waiting.size
            if batch and (entries > self._limits.commit_entries or size > self._limits.commit_bytes):
                break
            self._queue.popleft()
            del self._queued[waiting.source]
            append = self._take(waiting)
            if append is not None:
                group.append(waiting)
                batch.append(append)
        return group, batch

    def _take(self, waiting: _Waiting) -> StreamAppend | None:
        try:
            return waiting.source.take()
        except Exception:
            log.exception("a source failed as its entries were taken")
            self._give_back(waiting)
            return None

    async def _commit(self, batch: Sequence[StreamAppend]) -> Sequence[AppendResult]:
        pause_s = self._limits.first_retry_s
        while True:
            try:
                results = await self._journal.append(batch)
            except JournalUnavailableError:
                self._retries += 1
                self._change(WriterState.DEGRADED)
                # Half of it by chance, so that workers do not all come back at the same moment.
                await asyncio.sleep(pause_s * (0.5 + 0.5 * self._chance()))
                pause_s = min(2.0 * pause_s, self._limits.last_retry_s)
            else:
                self._change(WriterState.HEALTHY)
                return results

    def _tell(self, group: Sequence[_Waiting], results: Sequence[AppendResult]) -> None:
        self._commits += 1
        self._appends += len(group)
        for waiting, result in zip(group, results, strict=True):
            self._refused += isinstance(result, Refused)
            self._give_back(waiting)
            try:
                waiting.source.told(result)
            except Exception:
                log.exception("a source failed on what became of its append to %s", result.stream)
        self._on_committed(results)
        if self._pressed and (
            self._waiting_entries < self._pressing_entries / 2
            and self._waiting_bytes < self._pressing_bytes / 2
        ):
            self._press(False)

    def _give_back(self, waiting: _Waiting) -> None:
        self._waiting_entries -= waiting.entries
        self._waiting_bytes -= waiting.size

    # ------------------------------------------------------------------ telling how it fares

    def _press(self, pressed: bool) -> None:
        self._pressed = pressed
        self._on_pressed(pressed)

    def _change(self, state: WriterState) -> None:
        if state is not self._state:
            self._state = state
            self._on_state(state)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            self._change(WriterState.CLOSED)
        else:
            log.error("the journal's writer failed", exc_info=task.exception())
            self._change(WriterState.FAILED)
