"""The newest events of one session, in memory. Those before them are in its journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actors.connection.events import Event


class History:
    """Committed events by ``seq``, of together about ``max_bytes``; the newest event is always kept.

    What is trimmed is known: ``first_seq`` is the oldest event that can still be read here. ``last_seq`` is
    the newest event that is committed; a history that is made anew begins with the ``newest`` up to it.
    """

    __slots__ = ("_bytes", "_events", "_max_bytes", "last_seq")

    def __init__(self, max_bytes: int, last_seq: int = 0, newest: Sequence[Event] = ()) -> None:
        self._events: list[Event] = list(newest)
        self._bytes = sum([len(event.message) for event in newest])
        self._max_bytes = max_bytes
        self.last_seq = last_seq

    @property
    def first_seq(self) -> int:
        """The oldest ``seq`` that is kept; ``last_seq + 1`` while there is none."""
        return self.last_seq + 1 - len(self._events)

    def extend(self, events: Sequence[Event]) -> None:
        """Add the next events, the first one's ``seq`` being ``last_seq + 1``."""
        self._events += events
        self.last_seq += len(events)
        self._bytes += sum([len(event.message) for event in events])
        if self._bytes > self._max_bytes:
            self._trim()

    def after(self, seq: int) -> Iterator[Event]:
        """Kept events with a higher ``seq``, in order. Events added meanwhile are included."""
        seq = max(seq, self.first_seq - 1)
        while seq < self.last_seq:
            event = self._events[max(seq + 1 - self.first_seq, 0)]
            seq = event.seq
            yield event

    def _trim(self) -> None:
        """An eighth more than necessary goes, so that not every event leads to a trim."""
        goal = self._max_bytes - self._max_bytes // 8
        events = self._events
        trimmed = 0
        while trimmed < len(events) - 1 and self._bytes > goal:
            self._bytes -= len(events[trimmed].message)
            trimmed += 1
        del events[:trimmed]
