"""How long a turn may still take, judged by how long the workspace's turns took before."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from actors.connection.status.shape import Estimate

MIN_TURNS: Final = 5
"""With fewer turns before, nothing is said."""
MIN_LONGER: Final = 3
"""Nor with fewer that took longer than this one already has."""
LOW: Final = 0.1
HIGH: Final = 0.9
PLAN_FACTOR: Final = 2
"""A plan's steps differ: what they promise is taken to be right to within this factor."""


def estimate(took_ms: Iterable[int], elapsed_ms: int, done: float = 0.0) -> Estimate | None:
    """What remains of a turn that has run for ``elapsed_ms``; None where nobody can tell.

    Of the turns that took longer, the median and the 10th and 90th percentile (by nearest rank) of what they
    had before them at this point. ``done``, 0.0 to 1.0, is the share of its plan that is completed. Its
    square is the weight of what the plan's pace so far says, the rest that of the history.
    """
    history = list(took_ms)
    longer = sorted(took - elapsed_ms for took in history if took > elapsed_ms)
    if len(history) < MIN_TURNS or len(longer) < MIN_LONGER:
        return None
    low, middle, high = (quantile(longer, share) for share in (LOW, 0.5, HIGH))
    weight = done**2
    pace = elapsed_ms * (1.0 - done) * done  # elapsed * (1 - done) / done, by its weight
    return Estimate(
        round((1.0 - weight) * middle + pace),
        round((1.0 - weight) * low + pace / PLAN_FACTOR),
        round((1.0 - weight) * high + pace * PLAN_FACTOR),
        len(longer),
    )


def quantile(ranked: Sequence[int], share: float) -> int:
    """Of numbers in order, the least that ``share`` of them do not exceed."""
    return ranked[max(math.ceil(len(ranked) * share) - 1, 0)]
