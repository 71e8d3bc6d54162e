"""How the projector fares: how long entries wait for their records, and how many there were."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

WINDOW_S: Final = 10.0
_FIRST_S: Final = 0.01
_STEP: Final = 1.15
_LOG_STEP: Final = math.log(_STEP)
_BUCKETS: Final = 90
"""From 10 ms on each 15 % longer; the last is beyond half an hour."""


class ProjectorFigures(Struct, frozen=True):
    """Lags are seconds from an entry's writing to its record's, of the last 10 to 20 seconds."""

    entries: int
    set_aside: int
    waiting_streams: int
    lag_p50_s: float
    lag_p95_s: float
    lag_max_s: float


class Lags:
    """Counts lags in classes, over the window that runs and the one before; seconds."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._now = [0] * _BUCKETS
        self._before = [0] * _BUCKETS
        self._until = 0.0

    def add(self, moments: Sequence[int], now_ms: int) -> int:
        """Entries of these moments have their records now; returns how many those are."""
        self._turn(now_ms / 1000)
        for at, count in Counter(moments).items():
            self._now[_bucket((now_ms - at) / 1000)] += count
        return len(moments)

    def quantiles(self, now_ms: int, *shares: float) -> list[float]:
        """The lags that such shares of entries do not exceed; 0.0 where there were none."""
        self._turn(now_ms / 1000)
        counts = [one + other for one, other in zip(self._now, self._before, strict=True)]
        return [_quantile(counts, share) for share in shares]

    def _turn(self, now_s: float) -> None:
        if now_s < self._until:
            return
        is_next = now_s < self._until + self._window_s
        self._before = self._now if is_next else [0] * _BUCKETS
        self._now = [0] * _BUCKETS
        self._until = now_s + self._window_s


def _bucket(lag_s: float) -> int:
    if lag_s <= _FIRST_S:
        return 0
    return min(_BUCKETS - 1, math.ceil(math.log(lag_s / _FIRST_S) / _LOG_STEP))


def _quantile(counts: list[int], share: float) -> float:
    left = sum(counts) * share
    if not left:
        return 0.0
    bound = _FIRST_S
    for count in counts:
        left -= count
        if left <= 0:
            return bound
        bound *= _STEP
    return bound
