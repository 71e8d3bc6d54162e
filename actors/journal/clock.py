"""The clock of stores that have none of their own."""

from __future__ import annotations

import time


def epoch_ms() -> int:
    """The time of this machine, epoch milliseconds."""
    return time.time_ns() // 1_000_000
