"""What the agent behind AgentAPI is doing, as far as was heard, and a bell for whoever waits for a change."""

from __future__ import annotations

import asyncio

from actors.agents.agentapi.events import RUNNING, STABLE


class Activity:
    """The agent's status over one turn after the other. ``status`` is empty while nothing was heard."""

    def __init__(self) -> None:
        self.status = ""
        self.error = ""
        """The last error that the agent reported in this turn."""
        self._has_run = False
        self._bell = asyncio.Event()

    @property
    def is_stable(self) -> bool:
        """Whether the agent waits for a message."""
        return self.status == STABLE

    @property
    def is_over(self) -> bool:
        """Whether it has worked since ``begin``, and works no more."""
        return self._has_run and self.status == STABLE

    def begin(self) -> None:
        """A turn begins: forget what was before it."""
        self.error = ""
        self._has_run = False

    def note(self, status: str) -> None:
        """The agent's status was heard."""
        self._has_run = self._has_run or status == RUNNING
        self.status = status
        self.ring()

    def note_worked(self) -> None:
        """It has worked in this turn, though that was not heard."""
        self._has_run = True

    def fail(self, why: str) -> None:
        """The agent reported an error."""
        self.error = why

    def ring(self) -> None:
        """Wake who waits: something is to be looked at."""
        self._bell.set()

    async def rung(self, within_s: float) -> bool:
        """Wait for the bell, once; false if it is silent for ``within_s`` seconds."""
        try:
            async with asyncio.timeout(within_s):
                await self._bell.wait()
        except TimeoutError:
            return False
        self._bell.clear()
        return True
