"""How often clients were refused or came back lately: many in a minute are a retry storm."""

from __future__ import annotations

from collections import deque
from typing import Final

WINDOW_S: Final = 60.0


class Retries:
    """Counts over the last minute, in steps of a second, so that its size does not grow with the storm."""

    def __init__(self) -> None:
        self._steps: deque[tuple[int, int]] = deque(maxlen=int(WINDOW_S) + 1)

    def note(self, count: int, now: float) -> None:
        """So many more; ``now`` in seconds of a clock that only goes forward."""
        second = int(now)
        if self._steps and self._steps[-1][0] == second:
            count += self._steps.pop()[1]
        self._steps.append((second, count))

    def count(self, now: float) -> int:
        """How many there were in the last minute."""
        return sum(count for second, count in self._steps if second > now - WINDOW_S)
