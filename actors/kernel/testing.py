"""For tests of actors: an event loop on which time passes only when nothing is left to do."""

from __future__ import annotations

import asyncio
import selectors
from typing import Final

STALL_LIMIT_S: Final = 1.0


class ClockJumpLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own, which jumps to the next timer instead of waiting for it.

    So ``asyncio.sleep(60)`` takes no time, and happens exactly 60 s after. When neither a callback
    nor a timer nor a socket is left, nothing can ever happen again: after STALL_LIMIT_S of real time
    RuntimeError ends ``run_until_complete``. Not for tests with sockets or processes: those take real
    time, in which this clock would run away.
    """

    def __init__(self) -> None:
        self._selector_clock = _JumpingSelector()
        super().__init__(self._selector_clock)

    def time(self) -> float:
        """Seconds since the loop was made, on its own clock."""
        return self._selector_clock.now


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            events = super().select(STALL_LIMIT_S)
            if not events:
                raise RuntimeError("nothing is left that could happen: a wait will never end")
            return events
        events = super().select(0)
        if not events and timeout > 0:
            self.now += timeout
        return events
