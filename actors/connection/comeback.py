"""After an agent went away by itself: trying to bring it back, by policy, and saying how that goes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from actors import errors
from actors.connection.messages import BringBack
from actors.connection.reconnecting import Attempts, ReconnectPolicy
from actors.connection.rejoining import Rejoining
from actors.connection.session import Session
from actors.connection.table import SessionTable
from actors.kernel.actor import ActorContext

PROVEN_S = 60.0


class Comeback:
    """One try after another, with growing pauses, until the agent is there or the attempts are used up.

    Nothing is tried for sessions that nobody watches, unless there is a decision that the agent should be
    told: their agent is brought back with the next prompt. ``on_lost`` is told of each session whose agent
    could not be reached again.
    """

    def __init__(
        self,
        context: ActorContext,
        rejoining: Rejoining,
        sessions: SessionTable,
        policy: ReconnectPolicy,
        on_lost: Callable[[Session], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._chance = chance
        self._context = context
        self._rejoining = rejoining
        self._sessions = sessions
        self._attempts = Attempts(policy)
        self._on_lost = on_lost
        self._waiting = False
        self._back_at = float("-inf")

    def begin(self) -> None:
        """The agent is gone. One that held for a minute gets all its attempts anew."""
        now = asyncio.get_running_loop().time()
        if now - self._back_at > PROVEN_S:
            self._attempts.succeeded()
        if not self._waiting:
            self._next()

    def wanted(self) -> None:
        """Somebody needs the agent that is away, and does not wait for it."""
        if not (self._waiting or self._rejoining.is_under_way):
            self._next()

    def attempt(self) -> None:
        """The pause is over."""
        self._waiting = False
        if any(session.attachments or session.questions.has_untold for session in self._sessions):
            self._context.run(self._try(), name="reconnect to the agent")

    def _next(self) -> None:
        delay_s = self._attempts.next_delay(self._chance())
        if delay_s is None:
            self._attempts.succeeded()
            self._notice("agent-lost", "error", "The agent could not be reached again. Prompt to try anew.")
            for session in self._sessions:
                self._on_lost(session)
            return
        self._waiting = True
        self._context.after(delay_s, BringBack())

    async def _try(self) -> None:
        try:
            await self._rejoining.ensure()
        except errors.LumiLinkError:
            self._next()
            return
        self._back_at = asyncio.get_running_loop().time()
        self._notice("agent-back", "info", "The agent is back, and so is the session.")

    def _notice(self, kind: str, severity: str, toast: str) -> None:
        for session in self._sessions:
            session.notice(kind, severity, toast)
