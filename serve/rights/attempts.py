"""Failed attempts: whoever makes many is refused for a while before anything is looked up."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from actors import errors

AT_ONCE: Final = 10.0
PER_S: Final = 1 / 6
MAX_KNOWN: Final = 10_000


class FailedAttempts:
    """A bucket of ten for each that makes them, which loses one in six seconds. The oldest give way."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, whose: str) -> None:
        """Raises RateLimitedError if there were too many."""
        level = self._level(whose)
        if level + 1.0 > AT_ONCE:
            wait_s = (level + 1.0 - AT_ONCE) / PER_S
            raise errors.RateLimitedError("too many attempts with credentials that are not valid", wait_s)

    def add(self, whose: str) -> None:
        """Note one that failed."""
        self._buckets[whose] = self._level(whose) + 1.0, self._now()
        self._buckets.move_to_end(whose)
        while len(self._buckets) > MAX_KNOWN:
            self._buckets.popitem(last=False)

    def __len__(self) -> int:
        return len(self._buckets)

    def _level(self, whose: str) -> float:
        level, at = self._buckets.get(whose, (0.0, 0.0))
        return max(0.0, level - (self._now() - at) * PER_S)
