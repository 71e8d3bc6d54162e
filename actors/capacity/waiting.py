"""Who waits for a place: first come, first served within an installation, and installations by turns."""

from __future__ import annotations

from dataclasses import dataclass

from actors.capacity.requests import Request

LAPSE_S = 2.0
"""After how long a request that is not repeated does not count any more."""


@dataclass(slots=True, eq=False)
class Waiter:
    """A request that has waited since ``since``, and was asked for the last time at ``asked_at``."""

    request: Request
    since: float
    asked_at: float


class WaitingLines:
    """A line for each installation. Times are seconds of any clock that does not go back."""

    def __init__(self) -> None:
        self._waiters: dict[str, Waiter] = {}
        self._turns: dict[str, None] = {}
        """The installations, the one whose turn it is first."""

    def __len__(self) -> int:
        return len(self._waiters)

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._waiters

    def join(self, request: Request, now: float) -> None:
        """A request is made or repeated. How long it has waited says where in its line it is."""
        waiter = self._waiters.get(request.session_id)
        if waiter is not None:
            waiter.asked_at = now
            return
        self._waiters[request.session_id] = Waiter(request, now - request.waited_s, now)
        self._turns.setdefault(request.owner.installation, None)

    def leave(self, session_id: str) -> None:
        """A request waits no more."""
        self._waiters.pop(session_id, None)

    def had_turn(self, installation: str) -> None:
        """An installation got a place: the others come first now."""
        self._turns.pop(installation, None)
        self._turns[installation] = None

    def lapsed(self, now: float) -> list[Waiter]:
        """The requests that were not repeated in time: whoever made them is gone."""
        return [waiter for waiter in self._waiters.values() if now - waiter.asked_at > LAPSE_S]

    def in_turn(self) -> list[Waiter]:
        """All requests in the order in which they get places.

        So the first n of it are also those who may wait where n may: no installation takes another's share.
        """
        lines: dict[str, list[Waiter]] = {installation: [] for installation in self._turns}
        for waiter in self._waiters.values():
            lines[waiter.request.owner.installation].append(waiter)
        self._turns = dict.fromkeys(installation for installation, line in lines.items() if line)
        rounds = [
            (place, turn, waiter)
            for turn, line in enumerate(lines.values())
            for place, waiter in enumerate(sorted(line, key=_since))
        ]
        rounds.sort(key=lambda entry: entry[:2])
        return [waiter for _, _, waiter in rounds]


def _since(waiter: Waiter) -> float:
    return waiter.since
