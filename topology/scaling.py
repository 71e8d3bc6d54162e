"""How many workers the load asks for: at once more, slowly fewer.

Plain state with the time handed in, so that a day of load is a moment in a test; ``pool.py`` asks it once a
round.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

TARGET_SHARE: Final = 0.75
"""How full the workers are meant to be: what is left is taken while the next worker starts."""
GROWTH_WINDOW_S: Final = 30.0
"""Over which time the growth of the load is measured; also the shortest time between two steps down."""
CALM_WINDOW_S: Final = 300.0
"""How long fewer workers must have been enough until one of them is let go, unless told otherwise."""
LEAD_S: Final = 20.0
"""How long a new worker takes, its node included, at the load's present growth."""
MAX_SAMPLES: Final = 256


@dataclass(frozen=True, slots=True)
class ScalingLimits:
    """Never fewer workers than ``minimum``, never more than ``maximum``."""

    minimum: int
    maximum: int

    def clamp(self, workers: int) -> int:
        """The nearest number that is allowed."""
        return max(self.minimum, min(workers, self.maximum))


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be carried: sessions that have a place, those that wait for one, and a worker's places."""

    sessions: int
    waiting: int
    per_worker: int

    @property
    def demand(self) -> int:
        """Every session that is there or wants to be."""
        return self.sessions + self.waiting


class WorkerScaling:
    """Remembers the load of the last minutes, and says how many workers there should be.

    ``workers`` is how many there are at the start. They are kept for ``calm_s`` at least: whoever has just
    begun to look does not know whether they were needed.
    """

    def __init__(self, workers: int, now: float, calm_s: float = CALM_WINDOW_S) -> None:
        self._calm_s = calm_s
        self._pause_s = min(calm_s, GROWTH_WINDOW_S)
        self._desired = workers
        self._stepped_at = now
        self._demands: deque[tuple[float, int]] = deque(maxlen=MAX_SAMPLES)
        # Times and needs, needs falling: its head is the greatest need of the window.
        self._needs: deque[tuple[float, int]] = deque([(now, workers)])

    def desired(self, load: Load, limits: ScalingLimits, now: float) -> int:
        """How many workers there should be from now on. ``now`` never goes back; seconds."""
        need = _workers_for(load.demand + self._growth(load.demand, now) * LEAD_S, load.per_worker)
        self._note(need, now)
        held = limits.clamp(self._desired)
        enough = limits.clamp(self._needs[0][1])
        if enough > held:
            self._step(enough, now)
        elif enough < held and now - self._stepped_at >= self._pause_s:
            self._step(held - 1, now)
        else:
            self._desired = held
        return self._desired

    def _step(self, workers: int, now: float) -> None:
        self._desired, self._stepped_at = workers, now

    def _growth(self, demand: int, now: float) -> float:
        """How many sessions a second came to the load within ``GROWTH_WINDOW_S``; never less than none."""
        self._demands.append((now, demand))
        while now - self._demands[0][0] > GROWTH_WINDOW_S:
            self._demands.popleft()
        before, then = self._demands[0]
        # Two looks at almost the same moment say nothing of a rate.
        return max(0.0, (demand - then) / max(now - before, 1.0))

    def _note(self, need: int, now: float) -> None:
        while self._needs and self._needs[-1][1] <= need:
            self._needs.pop()
        self._needs.append((now, need))
        while now - self._needs[0][0] > self._calm_s:
            self._needs.popleft()


def _workers_for(demand: float, per_worker: int) -> int:
    return math.ceil(demand / (per_worker * TARGET_SHARE))
