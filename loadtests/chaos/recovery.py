"""How long sessions were away: from a kill until each that it hit went on."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

_BLAME_S: Final = 60.0


@dataclass(frozen=True)
class Hit:
    """A session that felt a kill of ``kind`` at ``at``, on the monotonic clock."""

    kind: str
    at: float


@dataclass
class Recoveries:
    """The kills so far, and the seconds that the sessions they hit took to go on, by kind.

    A session is hit if it loses its socket, or its turn is interrupted, within 60 s after a kill; the last
    one is blamed. It goes on with the next update or outcome where a prompt was unanswered, else once it is
    attached again.
    """

    kills: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    _last: Hit | None = None

    def killed(self, kind: str) -> None:
        """Something was killed now."""
        self.kills[kind] += 1
        self._last = Hit(kind, time.monotonic())

    def blame(self) -> Hit | None:
        """The kill that a session which is hit now was hit by."""
        if self._last is None or time.monotonic() - self._last.at > _BLAME_S:
            return None
        return self._last

    def recovered(self, hit: Hit) -> None:
        """A session that was hit goes on now."""
        self.seconds.setdefault(hit.kind, []).append(time.monotonic() - hit.at)

    def quantile_s(self, fraction: float, kind: str | None = None) -> float | None:
        """The seconds that ``fraction`` (0.0-1.0) of those hit did not exceed; without ``kind``, of all."""
        found = sorted(one for name, values in self.seconds.items() for one in values if kind in (None, name))
        return found[min(len(found) - 1, int(fraction * len(found)))] if found else None
