"""A latency histogram of constant size: its buckets grow with the value, to within 0.8 % of it."""

from __future__ import annotations

from array import array
from typing import Final

_STEPS_BITS: Final = 7
_STEPS: Final = 1 << _STEPS_BITS
_BUCKETS: Final = _STEPS * 30  # up to about 19 hours in microseconds


class LatencyHistogram:
    """Counts latencies given in nanoseconds, in microsecond steps below 256 us and 1/128 steps above.

    A negative latency (it cannot happen on one clock, but a wrong stamp could make one) counts as 0.
    """

    __slots__ = ("_buckets", "count", "max_ns")

    def __init__(self) -> None:
        self._buckets = array("q", bytes(8 * _BUCKETS))
        self.count = 0
        self.max_ns = 0

    def record(self, latency_ns: int) -> None:
        """Count one latency; about half a microsecond."""
        if latency_ns > self.max_ns:
            self.max_ns = latency_ns
        micros = latency_ns // 1000 if latency_ns > 0 else 0
        shift = micros.bit_length() - _STEPS_BITS - 1
        index = micros if shift <= 0 else (shift << _STEPS_BITS) + (micros >> shift)
        self._buckets[index if index < _BUCKETS else -1] += 1
        self.count += 1

    def quantile_ms(self, fraction: float) -> float | None:
        """The latency in ms that ``fraction`` (0.0-1.0) of all do not exceed; None while there is none."""
        rank = fraction * self.count
        seen = 0
        for index, count in enumerate(self._buckets):
            seen += count
            if count and seen >= rank:
                return min(_upper_edge_us(index) * 1000, self.max_ns) / 1e6
        return None


def _upper_edge_us(index: int) -> int:
    if index < 2 * _STEPS:
        return index + 1
    shift = (index >> _STEPS_BITS) - 1
    return ((index - (shift << _STEPS_BITS)) + 1) << shift
