"""A timer wheel: one timer for any number of paced turns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

_SLOTS: Final = 1024


class TimerWheel(Generic[Item]):
    """A ring of slots, one a tick; an item waits in the slot of its due tick until the hand comes by.

    Ticks are counted by the caller, from any start, forwards only. An item due at or before the hand comes
    out at the next tick; one due more than a turn of the ring ahead is passed over until its turn.
    """

    def __init__(self, tick: int = 0) -> None:
        self._slots: list[list[tuple[int, Item]]] = [[] for _ in range(_SLOTS)]
        self._hand = tick
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, item: Item, due: int) -> None:
        """Let ``item`` come out once the hand reaches the tick ``due``."""
        due = max(due, self._hand + 1)
        self._slots[due % _SLOTS].append((due, item))
        self._size += 1

    def advance(self, tick: int) -> Iterator[Item]:
        """Move the hand to ``tick`` and yield what is due by then, earlier ticks first.

        Items may be added while this runs; what they ask for before the hand's new place comes out as well.
        """
        if not self._size:
            self._hand = max(self._hand, tick)
        while self._hand < tick:
            self._hand += 1
            slot = self._slots[self._hand % _SLOTS]
            if not slot:
                continue
            due_now = [item for due, item in slot if due <= self._hand]
            self._slots[self._hand % _SLOTS] = [entry for entry in slot if entry[0] > self._hand]
            self._size -= len(due_now)
            yield from due_now
