"""The events of one session that are kept in memory, oldest trimmed first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from actors.connection.events import Event, EventKind

LAG_BYTES: Final = 8 * 1024 * 1024
"""What is kept of one session at most, for attached clients that have not read it yet."""

_COMPACT_AT: Final = 256
_TRIMMED: Final = Event(0, EventKind.UPDATE, b"")
"""Stands where an event was until the list is compacted, so that no trimmed message is kept alive."""


class History:
    """Events by ``seq``, of together about ``max_bytes``; the newest event is always kept.

    What is trimmed is known: ``first_seq`` is the oldest event that can still be read.
    """

    __slots__ = ("_bytes", "_events", "_head", "_lag_bytes", "_max_bytes", "last_seq")

    def __init__(self, max_bytes: int) -> None:
        self._events: list[Event] = []
        self._head = 0
        self._bytes = 0
        self._max_bytes = max_bytes
        self._lag_bytes = max(max_bytes, LAG_BYTES)
        self.last_seq = 0

    @property
    def first_seq(self) -> int:
        """The oldest ``seq`` that is kept; ``last_seq + 1`` while there is none."""
        return self.last_seq + 1 - (len(self._events) - self._head)

    def append(self, event: Event) -> bool:
        """Add the next event, whose ``seq`` must be ``last_seq + 1``. True means that ``trim`` is due."""
        self._events.append(event)
        self.last_seq = event.seq
        self._bytes += len(event.message)
        return self._bytes > self._max_bytes

    def after(self, seq: int) -> Iterator[Event]:
        """Kept events with a higher ``seq``, in order. Events added meanwhile are included."""
        while seq < self.last_seq:
            index = self._head + max(seq + 1 - self.first_seq, 0)
            event = self._events[index]
            seq = event.seq
            yield event

    def trim(self, read_up_to: int) -> None:
        """Let go of the oldest events that have been read, and above LAG_BYTES of unread ones too.

        An eighth more than necessary goes, so that not every event leads to a trim.
        """
        goal = self._max_bytes - self._max_bytes // 8
        events = self._events
        while self._head < len(events) - 1:
            oldest = events[self._head]
            if self._bytes <= goal or (oldest.seq > read_up_to and self._bytes <= self._lag_bytes):
                break
            self._bytes -= len(oldest.message)
            events[self._head] = _TRIMMED
            self._head += 1
        if self._head >= _COMPACT_AT and self._head * 2 >= len(events):
            del events[: self._head]
            self._head = 0
