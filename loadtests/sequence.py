"""Whether a session's updates arrived once each and in order."""

from __future__ import annotations


class SequenceCheck:
    """Follows the numbers 0, 1, 2, ... of one session's updates as they arrive.

    ``doubled`` counts numbers seen again, ``reordered`` those that came after a later one.
    """

    __slots__ = ("_gaps", "doubled", "next_number", "reordered")

    def __init__(self) -> None:
        self.next_number = 0
        self.doubled = 0
        self.reordered = 0
        self._gaps: set[int] = set()

    def see(self, number: int) -> None:
        """Take note of the update ``number``."""
        if number == self.next_number:
            self.next_number = number + 1
        elif number > self.next_number:
            self._gaps.update(range(self.next_number, number))
            self.next_number = number + 1
        elif number in self._gaps:
            self._gaps.remove(number)
            self.reordered += 1
        else:
            self.doubled += 1

    def missing(self, ordered: int) -> int:
        """How many of the first ``ordered`` numbers have not arrived."""
        return len(self._gaps) + max(0, ordered - self.next_number)
