"""What is measured of a session's turns, for metrics; and its updates, counted."""

from __future__ import annotations

import time

from actors.connection.stream import SessionStream
from actors.connection.turns import TurnEnd
from actors.metrics.catalogue import FIRST_UPDATE_SECONDS, TURN_SECONDS, TURNS
from actors.metrics.meters import meters
from actors.metrics.tally import TALLY


class TurnClock:
    """One for each session, of which one turn runs at a time."""

    __slots__ = ("_began", "_first_due", "started_at")

    def __init__(self) -> None:
        self.started_at = ""
        self._began = self._first_due = 0.0

    def begin(self, at: str) -> None:
        """A prompt has entered the conversation; ``at`` is this moment, as it is shown."""
        self.started_at = at
        self._began = self._first_due = time.monotonic()

    @property
    def elapsed_s(self) -> float | None:
        """For how long the turn has run; None where none does, or another process began it."""
        return time.monotonic() - self._began if self._began else None

    def update(self, stream: SessionStream) -> None:
        """An update of the agent was just added to ``stream``."""
        TALLY.updates += 1
        if self._first_due:
            meters().observe(FIRST_UPDATE_SECONDS, time.monotonic() - self._first_due)
            self._first_due = 0.0
        if TALLY.arrived:
            stream.time_from(TALLY.arrived)

    def end(self, how: TurnEnd) -> None:
        """The turn is over; one that another process began is only counted."""
        meters().count(TURNS, how.value)
        if self._began:
            meters().observe(TURN_SECONDS, time.monotonic() - self._began)
        self._began = self._first_due = 0.0
