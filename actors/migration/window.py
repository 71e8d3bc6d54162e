"""How what was tried over ACP went within the last hour: a sliding window of whole seconds (FR-007).

A sample belongs to the whole second in which it was noted, and the window at second ``s`` holds those of
the seconds ``s - 3599`` to ``s``. That is its definition, so it is exact at its edges, and a window that was
restored by another process says what it would have said.

The clock may go back: its newest second stands until it has caught up. One that goes back by more than the
window is another clock, and the window begins anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

SPAN_S: Final = 3600
"""The window's length, seconds."""


class SuccessWindow:
    """Counts good and bad samples; at most one entry a second, and running totals.

    Times are epoch seconds; a fraction is cut off.
    """

    __slots__ = ("_entries", "_failed", "_now", "_ok")

    def __init__(self) -> None:
        self._entries: deque[list[int]] = deque()  # second, good, bad
        self._now: int | None = None
        self._ok = self._failed = 0

    def note(self, at_s: float, *, ok: bool) -> int:
        """Count a sample; returns the second that it belongs to."""
        return self.add(at_s, int(ok), int(not ok))

    def add(self, at_s: float, good: int, bad: int) -> int:
        """Count several samples of one moment; returns the second that they belong to."""
        second = self._advance(at_s)
        if not self._entries or self._entries[-1][0] != second:
            self._entries.append([second, 0, 0])
        entry = self._entries[-1]
        entry[1] += good
        entry[2] += bad
        self._ok += good
        self._failed += bad
        return second

    def counts(self, at_s: float) -> tuple[int, int]:
        """How many samples went well and how many badly in the hour that ends now."""
        self._advance(at_s)
        return self._ok, self._failed

    def _advance(self, at_s: float) -> int:
        second = int(at_s)
        if self._now is not None and second < self._now:
            if self._now - second <= SPAN_S:
                return self._now
            self._entries.clear()
            self._ok = self._failed = 0
        self._now = second
        while self._entries and self._entries[0][0] <= second - SPAN_S:
            _, good, bad = self._entries.popleft()
            self._ok -= good
            self._failed -= bad
        return second

    # ------------------------------------------------------------------ kept by the journal

    def dump(self) -> list[int]:
        """Everything in few small numbers: the newest second, then of each entry the seconds since the one
        before (of the first: since the window began), how many went well and how many badly.
        """
        if self._now is None:
            return []
        packed = [self._now]
        before = self._now - SPAN_S
        for second, good, bad in self._entries:
            packed += (second - before, good, bad)
            before = second
        return packed

    @classmethod
    def restore(cls, packed: Sequence[int]) -> SuccessWindow:
        """The window that was dumped."""
        window = cls()
        if not packed:
            return window
        window._now = packed[0]
        second = packed[0] - SPAN_S
        for step, good, bad in zip(packed[1::3], packed[2::3], packed[3::3], strict=True):
            second += step
            window._entries.append([second, good, bad])
            window._ok += good
            window._failed += bad
        return window
