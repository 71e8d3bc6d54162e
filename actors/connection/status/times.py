"""How long the turns of a session and of a workspace took."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from actors.journal.clock import epoch_ms

OF_A_SESSION: Final = 16
"""So many are in the record of a session, for the next worker that has it."""
OF_A_WORKSPACE: Final = 64

TurnTook: TypeAlias = tuple[int, int]
"""When a turn was completed, in milliseconds since 1970, and how many milliseconds it took."""


class TurnTimes:
    """The ``most`` turns that were completed last. How long others took says nothing."""

    __slots__ = ("_most", "_workspace", "turns")

    def __init__(self, most: int, known: Iterable[TurnTook] = ()) -> None:
        self.turns: tuple[TurnTook, ...] = ()
        self._most = most
        self._workspace: TurnTimes | None = None
        self.learn(known)

    def learn(self, turns: Iterable[TurnTook]) -> None:
        """Add turns, of which some may be known."""
        self.turns = tuple(sorted({*self.turns, *turns})[-self._most :])

    def share(self, workspace: TurnTimes) -> None:
        """Have the workspace know these turns, too, and all that follow."""
        workspace.learn(self.turns)
        self._workspace = workspace

    def note(self, took_s: float) -> None:
        """A turn was completed now."""
        turn = (epoch_ms(), round(took_s * 1000))
        self.learn((turn,))
        if self._workspace is not None:
            self._workspace.learn((turn,))

    def took_ms(self) -> list[int]:
        """How long each took, in milliseconds."""
        return [took for _, took in self.turns]
