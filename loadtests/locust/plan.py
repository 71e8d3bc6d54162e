"""What a load is made of: who comes when, what they do, on what gateway, and what is promised then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from actors.errors import SettingsError
from loadtests.locust.targets import Target

_LEAVE_S: Final = 10.0


class Kind(StrEnum):
    """Kinds of users. A visitor asks for one session, and takes what it gets."""

    SOCKET = "socket"
    STREAM = "stream"
    VISITOR = "visitor"
    READER = "reader"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True)
class Turns:
    """What a user with a session does, over and over.

    A turn has ``updates``, one every ``interval_s`` seconds (0 is as fast as it goes); before the next one
    the user thinks for some time between the two of ``think_s``. ``asks`` is the share (0.0-1.0) of turns in
    which the agent asks for a permission, ``leaves`` of those in which the user is away for ``away_s``.
    """

    updates: int = 10
    interval_s: float = 0.1
    size_bytes: int = 128
    think_s: tuple[float, float] = (0.1, 0.5)
    asks: float = 0.0
    leaves: float = 0.0
    away_s: float = 0.5

    @property
    def longest_s(self) -> float:
        """How long a turn takes that nothing delays."""
        return self.updates * self.interval_s + self.away_s


@dataclass(frozen=True)
class Arrival:
    """So many users of each kind come ``at_s`` seconds after the start, ``per_s`` of them a second."""

    at_s: float
    users: Mapping[Kind, int]
    per_s: float

    @property
    def count(self) -> int:
        """How many come in all."""
        return sum(self.users.values())


@dataclass(frozen=True)
class Setup:
    """The gateway that is loaded; ``settings`` go to its settings file."""

    workers: int = 1
    replicas: int = 1
    sessions_per_worker: int = 1000
    settings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """A load of ``seconds``, after which all users leave.

    Readers and administrators ask something every so many seconds, between the two of ``asks_every_s``.

    A ``quiet`` profile's times are targets too: it wants a machine that does nothing else. ``expected`` are
    codes of errors that are no failures here; they are counted as events of their own.
    """

    name: str
    about: str
    seconds: float
    arrivals: tuple[Arrival, ...]
    targets: tuple[Target, ...]
    turns: Turns = Turns()
    setup: Setup = Setup()
    asks_every_s: tuple[float, float] = (0.5, 1.5)
    expected: frozenset[str] = frozenset()
    quiet: bool = False

    def __post_init__(self) -> None:
        starts = [arrival.at_s for arrival in self.arrivals]
        if not starts or starts != sorted(set(starts)) or starts[-1] >= self.seconds:
            raise SettingsError(f"profile {self.name}: arrivals come one after the other, within its time")
        kinds = [kind for arrival in self.arrivals for kind in arrival.users]
        if len(kinds) != len(set(kinds)):
            raise SettingsError(f"profile {self.name}: each kind of users arrives once")

    @property
    def users(self) -> int:
        """How many users there are at the end."""
        return sum(arrival.count for arrival in self.arrivals)

    def count(self, kind: Kind) -> int:
        """How many users of a kind there are at the end."""
        return sum(arrival.users.get(kind, 0) for arrival in self.arrivals)

    @property
    def steady_from_s(self) -> float:
        """When all users are there, seconds after the start."""
        return max(arrival.at_s + arrival.count / arrival.per_s for arrival in self.arrivals)

    @property
    def leaving_s(self) -> float:
        """How long the users may take to end what they do and leave."""
        return self.turns.longest_s + _LEAVE_S
