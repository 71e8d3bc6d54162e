"""How long to wait before the next try."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

_random = random.SystemRandom().random


def delays(first_s: float, most_s: float, chance: Callable[[], float] = _random) -> Iterator[float]:
    """Seconds to wait before each try, for ever: doubling from ``first_s`` up to ``most_s``.

    Each is cut by up to a half at random, so that the clients of a gateway that restarts do not come back
    in step. ``chance`` gives numbers from 0.0 to 1.0.
    """
    delay = first_s
    while True:
        yield delay * (0.5 + 0.5 * chance())
        delay = min(delay * 2, most_s)
