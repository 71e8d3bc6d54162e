"""What is counted with every update: plain numbers of this process, read when somebody asks.

One of 64 batches of agents' frames is timed, from its first frame's arrival until that is committed and
shown. The time travels beside the frame, as all that is done with one frame is done before the next.
"""

from __future__ import annotations

from typing import Final

TIMED_OF: Final = 64


class Tally:
    """``arrived`` is when the frame that is being handled came in, by ``time.monotonic``; 0.0: not timed."""

    __slots__ = ("arrived", "batches", "updates")

    def __init__(self) -> None:
        self.updates = 0
        self.batches = 0
        self.arrived = 0.0

    def times_next(self) -> bool:
        """Another batch comes in: whether it is one of those that are timed."""
        self.batches += 1
        return self.batches % TIMED_OF == 1


TALLY: Final = Tally()
