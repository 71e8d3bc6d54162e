"""Whether a session's updates arrived once each and in order."""

from __future__ import annotations

from enum import StrEnum

from loadtests.sequence import SequenceCheck


class Flaw(StrEnum):
    """What can be wrong with an update."""

    LOST = "lost"
    DOUBLED = "doubled"
    REORDERED = "reordered"


class Cursor:
    """Follows one session.

    The gateway's cursor (``seq``) rises with holes, since some events are shown to nobody; the agent numbers
    its updates without a hole. So the number shows what is lost, and both show what comes twice or too late.
    """

    __slots__ = ("_numbers", "_told", "seq")

    def __init__(self) -> None:
        self.seq = 0
        self._numbers = SequenceCheck()
        self._told = 0

    def pass_by(self, seq: int) -> None:
        """Take note of an event that is no update of the agent's."""
        self.seq = max(self.seq, seq)

    def see(self, seq: int, number: int) -> Flaw | None:
        """Take note of the update ``number``, shown at ``seq``; what is wrong with it."""
        rises = seq > self.seq
        doubled, late = self._numbers.doubled, self._numbers.reordered
        self._numbers.see(number)
        self.pass_by(seq)
        if self._numbers.doubled > doubled:
            return Flaw.DOUBLED
        return None if rises and self._numbers.reordered == late else Flaw.REORDERED

    def newly_lost(self, ordered: int) -> int:
        """How many of the first ``ordered`` updates are missing, without those that were told before."""
        missing = self._numbers.missing(ordered)
        new = max(0, missing - self._told)
        self._told = max(self._told, missing)
        return new

    @property
    def seen(self) -> int:
        """How many updates the agent has sent, as far as is known."""
        return self._numbers.next_number
