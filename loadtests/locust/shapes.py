"""Who is there when: the profile's arrivals, and at its end the leaving of all."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from locust import LoadTestShape, User
from locust.runners import MasterRunner

from loadtests.locust.plan import Arrival, Kind
from loadtests.locust.readers import Administrator, Reader
from loadtests.locust.running import chosen_profile
from loadtests.locust.users import SocketUser, StreamUser, Visitor

CLASSES: Final[Mapping[Kind, type[User]]] = {
    Kind.SOCKET: SocketUser,
    Kind.STREAM: StreamUser,
    Kind.VISITOR: Visitor,
    Kind.READER: Reader,
    Kind.ADMINISTRATOR: Administrator,
}
_ALL_AT_ONCE: Final = 100_000.0
_REPORTS_S: Final = 4.0
"""Workers tell the master what they counted every 3 s."""

Tick = tuple[int, float, list[type[User]]]


class ProfileShape(LoadTestShape):
    """The users of the profile.

    They are asked to leave before Locust stops, for what a user does while Locust stops may not be counted.
    """

    abstract = False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Locust's
        self._profile = chosen_profile()
        self._alone_since: float | None = None

    def tick(self) -> Tick | None:
        """Asked once a second: how many users there should be, and of which kinds those are that come."""
        now = self.get_run_time()  # type: ignore[no-untyped-call] # Locust's
        come = [arrival for arrival in self._profile.arrivals if arrival.at_s <= now]
        if now < self._profile.seconds:
            return sum(arrival.count for arrival in come), come[-1].per_s, _classes(come[-1])
        late = now > self._profile.seconds + self._profile.leaving_s + _REPORTS_S
        return None if late or self._all_left() else (0, _ALL_AT_ONCE, _classes(come[-1]))

    def _all_left(self) -> bool:
        if self.get_current_user_count():  # type: ignore[no-untyped-call] # Locust's
            self._alone_since = None
            return False
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        return now - self._alone_since >= (_REPORTS_S if isinstance(self.runner, MasterRunner) else 0.0)


def _classes(arrival: Arrival) -> list[type[User]]:
    return [CLASSES[kind] for kind in arrival.users]
