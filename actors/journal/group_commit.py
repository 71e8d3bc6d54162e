"""How a worker writes: many streams' appends gathered into one commit after another."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from actors.errors import JournalBehindError, JournalUnavailableError
from actors.journal.contract import AppendResult, Journal, Refused, StreamAppend
from actors.journal.group_limits import WriterLimits, WriterState, WriterStatistics

_ENTRY_OVERHEAD_BYTES: Final = 100
_CANCEL_GRACE_S: Final = 5.0

log = logging.getLogger("lumilink.journal")

Told = Callable[[AppendResult], None]


class _Submitted(NamedTuple):
    append: StreamAppend
    size: int
    told: Told


class GroupWriter:
    """Commits what is submitted, in order, each commit as soon as the last one is done.

    Belongs to one event loop. ``on_state`` hears of each new state; ``on_pressed`` hears True when agents
    should be paused, and False when they may go on. Nothing is told before it is committed. While the store
    is unavailable the same commit is repeated, so the order stays and nothing is lost or written twice.
    """

    def __init__(
        self,
        journal: Journal,
        limits: WriterLimits | None = None,
        on_state: Callable[[WriterState], None] = lambda state: None,
        on_pressed: Callable[[bool], None] = lambda pressed: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._journal = journal
        self._limits = limits or WriterLimits()
        self._on_state = on_state
        self._on_pressed = on_pressed
        self._chance = chance
        self._state = WriterState.HEALTHY
        self._waiting: deque[_Submitted] = deque()
        self._waiting_appends = 0
        self._waiting_bytes = 0
        self._pressed = False
        self._filled = asyncio.Event()
        self._commits = self._appends = self._refused = self._retries = 0
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._task = self._loop.create_task(self._run(), name="journal:group-writer")
        self._task.add_done_callback(self._ended)

    def submit(self, append: StreamAppend, told: Told) -> None:
        """Have an append committed; ``told`` is called on the loop with its result.

        Results come in the order of submission. Raises JournalBehindError where no more may wait, and
        JournalUnavailableError once the writer is closed or has failed.
        """
        if self._closing or self._task.done():
            raise JournalUnavailableError(f"the journal's writer is {self._state.value}")
        size = _size_of(append)
        limits = self._limits
        full = self._waiting_appends >= limits.waiting_appends
        # One that is over the limit by itself gets in when it is alone, or it never would.
        too_large = self._waiting_bytes + size > limits.waiting_bytes and self._waiting_appends > 0
        if full or too_large:
            raise JournalBehindError(f"{self._waiting_appends} appends wait for the journal", 1.0)
        self._waiting.append(_Submitted(append, size, told))
        self._waiting_appends += 1
        self._waiting_bytes += size
        self._filled.set()
        self._weigh()

    def statistics(self) -> WriterStatistics:
        """A snapshot of the counts."""
        return WriterStatistics(
            self._state,
            self._waiting_appends,
            self._waiting_bytes,
            self._commits,
            self._appends,
            self._refused,
            self._retries,
        )

    async def close(self, deadline_s: float) -> int:
        """Take no more, and commit what waits until the deadline; returns how many appends are left over.

        Of those that are left nobody is told. The commit that was under way at the deadline may yet be done.
        """
        self._closing = True
        self._filled.set()
        _, late = await asyncio.wait([self._task], timeout=deadline_s)
        if late:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_CANCEL_GRACE_S)
        return self._waiting_appends

    # ------------------------------------------------------------------ committing

    async def _run(self) -> None:
        while await self._something_waits():
            group = self._gather()
            results = await self._commit([submitted.append for submitted in group])
            self._tell(group, results)

    async def _something_waits(self) -> bool:
        while not self._waiting and not self._closing:
            self._filled.clear()
            await self._filled.wait()
        return bool(self._waiting)

    def _gather(self) -> list[_Submitted]:
        """The next commit: at least one append, and what else has come that fits in with it."""
        group = [self._waiting.popleft()]
        entries, size = len(group[0].append.entries), group[0].size
        while self._waiting:
            entries += len(self._waiting[0].append.entries)
            size += self._waiting[0].size
            if entries > self._limits.commit_entries or size > self._limits.commit_bytes:
                break
            group.append(self._waiting.popleft())
        return group

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

    def _tell(self, group: Sequence[_Submitted], results: Sequence[AppendResult]) -> None:
        self._commits += 1
        self._appends += len(group)
        for submitted, result in zip(group, results, strict=True):
            self._refused += isinstance(result, Refused)
            self._waiting_bytes -= submitted.size
            # By way of the loop: one callback that fails does not keep the others from being told.
            self._loop.call_soon(submitted.told, result)
        self._waiting_appends -= len(group)
        self._weigh()

    # ------------------------------------------------------------------ telling how it fares

    def _weigh(self) -> None:
        """Tell when what waits passes one of its two marks."""
        limits = self._limits
        share = max(
            self._waiting_appends / limits.waiting_appends, self._waiting_bytes / limits.waiting_bytes
        )
        mark = limits.pressed_share / 2 if self._pressed else limits.pressed_share
        if (share >= mark) != self._pressed:
            self._pressed = not self._pressed
            self._on_pressed(self._pressed)

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


def _size_of(append: StreamAppend) -> int:
    """About what an append takes up while it waits."""
    payloads = sum([len(entry.payload) for entry in append.entries])
    return payloads + _ENTRY_OVERHEAD_BYTES * (len(append.entries) + 1) + len(append.meta or b"")
