"""How often a key may do something: token buckets, as the generic cell rate algorithm keeps them.

All that a bucket needs is the moment at which it will be full again (ITU-T I.371, annex A), so a full bucket
is one that nobody has to remember.
"""

from __future__ import annotations

BURST_S = 2.0
"""How many seconds' worth a key may take at once that took nothing for a while."""
MAX_KEYS = 10_000
"""Of how many keys it is remembered what they took; the one that took longest ago goes first."""


class Rate:
    """``per_s`` tokens a second for each key; ``burst_s`` worth are kept, but at least one. 0: no limit.

    Times are seconds of any clock that does not go back.
    """

    def __init__(self, per_s: float, burst_s: float = BURST_S) -> None:
        self._interval_s = 1.0 / per_s if per_s > 0 else 0.0
        self._slack_s = max(0.0, burst_s - self._interval_s)
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def wait_s(self, key: str, now: float) -> float:
        """In how many seconds there is a token for a key; 0.0 if there is one now."""
        full_at = self._full_at.get(key, now)
        wait_s = full_at - now - self._slack_s
        # The sum of many intervals is not exact, but by far less than a thousandth of one.
        return wait_s if self._interval_s and wait_s > self._interval_s / 1000 else 0.0

    def take(self, key: str, now: float) -> None:
        """Take a token, be there one or not."""
        if self._interval_s:
            full_at = max(now, self._full_at.pop(key, now))
            self._full_at[key] = full_at + self._interval_s
            if len(self._full_at) > MAX_KEYS:
                self._forget(now)

    def _forget(self, now: float) -> None:
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        if len(self._full_at) > MAX_KEYS:
            del self._full_at[next(iter(self._full_at))]
