"""When a lost agent is dialled again: after which pauses, and how often."""

from __future__ import annotations

import math
from dataclasses import dataclass

from actors.errors import SettingsError


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """How patient a connection is. SettingsError if a value makes no sense."""

    first_delay_s: float = 1.0
    """The longest pause before the first attempt; each further one is twice as long."""
    max_delay_s: float = 30.0
    """The longest pause of all."""
    attempts: int = 5
    """How often it is tried before it is given up; 0 means never."""
    idle_timeout_s: float = 60.0
    """A link on which nothing was heard for so long, answers to keep-alives included, is broken."""

    def __post_init__(self) -> None:
        if not 0.0 < self.first_delay_s <= self.max_delay_s < math.inf:
            raise SettingsError("first_delay_s: expected more than 0 and at most max_delay_s")
        if self.attempts < 0:
            raise SettingsError("attempts: expected 0 or more")
        if not 0.0 < self.idle_timeout_s < math.inf:
            raise SettingsError("idle_timeout_s: expected more than 0")


class Attempts:
    """The attempts to reach one agent, since it was last reached.

    An agent that answers and dies at once must not be dialled for ever: call ``succeeded`` when it has been
    of use, not when it has merely answered.
    """

    __slots__ = ("_ceiling_s", "_policy", "made")

    def __init__(self, policy: ReconnectPolicy) -> None:
        self._policy = policy
        self._ceiling_s = policy.first_delay_s
        self.made = 0
        """How many were made."""

    def next_delay(self, chance: float) -> float | None:
        """The pause in seconds before the next attempt, which counts as made; None if there is none.

        ``chance`` is a random number from 0.0 to 1.0. It decides on half of the pause, so that agents that
        were lost together are not dialled together.
        """
        if self.made >= self._policy.attempts:
            return None
        self.made += 1
        ceiling_s = self._ceiling_s
        self._ceiling_s = min(2.0 * ceiling_s, self._policy.max_delay_s)
        return ceiling_s * (0.5 + 0.5 * chance)

    def succeeded(self) -> None:
        """The agent was reached: the next loss begins anew."""
        self.made = 0
        self._ceiling_s = self._policy.first_delay_s
