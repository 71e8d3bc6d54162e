"""After an agent went away by itself: trying to bring it back, by policy, and saying how that goes.

Where the attempts come to nothing, the sessions go on over HTTP if they may.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from actors import errors
from actors.connection.carrying import Carrying
from actors.connection.messages import BringBack
from actors.connection.notices import NoticeKind, notice
from actors.connection.reconnecting import Attempts, ReconnectPolicy
from actors.connection.rejoining import Rejoining
from actors.connection.session import Session
from actors.connection.table import SessionTable
from actors.kernel.actor import ActorContext
from actors.kernel.timers import Timer
from actors.metrics.catalogue import RECONNECTS
from actors.metrics.meters import meters
from actors.protocol.agent_protocol import AgentProtocol

PROVEN_S = 60.0


class Comeback:
    """One try after another, with growing pauses, until the agent is there or the attempts are used up.

    Nothing is tried for sessions that nobody watches, unless somebody waits for the agent or there is a
    decision that it should be told: their agent is brought back with the next prompt. ``on_lost`` is told of
    each session whose agent could not be reached again.
    """

    def __init__(
        self,
        context: ActorContext,
        rejoining: Rejoining,
        carrying: Carrying,
        sessions: SessionTable,
        policy: ReconnectPolicy,
        on_lost: Callable[[Session], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._chance = chance
        self._context = context
        self._rejoining = rejoining
        self._carrying = carrying
        self._sessions = sessions
        self._attempts = Attempts(policy)
        self._on_lost = on_lost
        self._failure: errors.LumiLinkError = errors.AgentClosedError("the agent is away")
        self._pause: Timer | None = None
        self._change: asyncio.Task[None] | None = None
        self._pending: list[asyncio.Future[None]] = []
        self._back_at = float("-inf")

    # ------------------------------------------------------------------ for whoever needs the agent

    @property
    def is_over(self) -> bool:
        """Whether the agent is neither being brought back nor exchanged for another."""
        return not (self._rejoining.is_under_way or self._is_changing)

    @property
    def is_trying(self) -> bool:
        """Whether the agent is being brought back. If it goes away meanwhile, that attempt has failed."""
        return self._rejoining.is_under_way

    async def reach(self) -> None:
        """Wait until the agent is there: over ACP, or, where that fails for good, over HTTP.

        Without a fallback one attempt is made. Raises what kept the agent from us.
        """
        while True:
            if self._change is not None:
                await asyncio.wait((self._change,))
            tried = self._carrying.protocol
            try:
                await self._rejoining.ensure()
            except errors.LumiLinkError as error:
                failure = error
            else:
                self._decide(None)
                return
            if self._is_changing or self._carrying.protocol is not tried:
                continue
            if not self._carrying.may_fall_back(failure):
                raise failure
            await self._until_decided(failure)

    async def _until_decided(self, failure: errors.LumiLinkError) -> None:
        decided: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append(decided)
        self._next(failure)
        await decided

    def change(self, work: asyncio.Task[None]) -> None:
        """While this task runs the agent is exchanged for another: who needs the agent waits for that."""
        self._change = work
        work.add_done_callback(lambda _: self._changed())

    @property
    def _is_changing(self) -> bool:
        return self._change is not None and not self._change.done()

    # ------------------------------------------------------------------ an agent that went away

    def begin(self, failure: errors.LumiLinkError) -> None:
        """The agent is gone. One that held for a minute gets all its attempts anew."""
        now = asyncio.get_running_loop().time()
        if now - self._back_at > PROVEN_S:
            self._attempts.succeeded()
        self._next(failure)

    def wanted(self) -> None:
        """Somebody needs the agent that is away, and does not wait for it."""
        if self.is_over:
            self._next(self._failure)

    def attempt(self) -> None:
        """The pause is over."""
        self._pause = None
        watched = any(session.attachments or session.questions.has_untold for session in self._sessions)
        if (watched or self._pending) and not self._is_changing:
            self._context.run(self._try(), name="reconnect to the agent")

    def _next(self, failure: errors.LumiLinkError) -> None:
        self._failure = failure
        # Another version of the protocol is not spoken by trying again.
        is_final = isinstance(failure, errors.ProtocolMismatchError) and self._carrying.may_fall_back(failure)
        if self._is_changing or (self._pause is not None and not is_final):
            return
        delay_s = None if is_final else self._attempts.next_delay(self._chance())
        if delay_s is not None:
            self._pause = self._context.after(delay_s, BringBack())
            return
        self._stop_waiting()
        self._attempts.succeeded()
        self.change(self._context.run(self._give_up(failure), name="give the agent up"))

    def _changed(self) -> None:
        """Whoever waits for the agent that was left looks for the one that is there now."""
        self._stop_waiting()
        self._decide(None)

    def _stop_waiting(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    async def _try(self) -> None:
        tried = self._carrying.protocol
        try:
            await self._rejoining.ensure()
        except errors.LumiLinkError as error:
            if self._carrying.protocol is tried:
                self._next(error)
            return
        self._is_back()

    def _is_back(self) -> None:
        self._back_at = asyncio.get_running_loop().time()
        meters().count(RECONNECTS, "back")
        self._notice(NoticeKind.AGENT_BACK)
        self._decide(None)

    async def _give_up(self, failure: errors.LumiLinkError) -> None:
        """The attempts are used up."""
        try:
            is_there = await self._go_over(failure)
        except errors.LumiLinkError as error:
            failure, is_there = error, False
        if is_there:
            self._decide(None)
            return
        meters().count(RECONNECTS, "lost")
        self._notice(NoticeKind.AGENT_LOST)
        for session in self._sessions:
            self._on_lost(session)
        self._decide(failure)

    # ------------------------------------------------------------------ over HTTP

    def leave(self, failure: errors.LumiLinkError) -> None:
        """The agent is there and of no use: go on over HTTP if that can be, else as before."""
        if self._carrying.may_fall_back(failure) and not self._is_changing:
            self.change(self._context.run(self._leave(failure), name="leave the agent"))

    async def _leave(self, failure: errors.LumiLinkError) -> None:
        try:
            await self._go_over(failure)
        except errors.LumiLinkError:
            self._notice(NoticeKind.AGENT_LOST)

    async def _go_over(self, failure: errors.LumiLinkError) -> bool:
        """Fall back and reach the agent over HTTP; false where that cannot be.

        Raises what kept it from it after that.
        """
        if not self._carrying.may_fall_back(failure) or await self._carrying.obstacle(AgentProtocol.HTTP):
            return False
        while self._rejoining.is_under_way:
            try:
                await self._rejoining.ensure()
            except errors.LumiLinkError:
                continue
            return True  # somebody else's attempt has come to something after all
        if not self._carrying.may_fall_back(failure):
            return False
        self._carrying.fall_back(failure)
        await self._rejoining.ensure()
        return True

    def _decide(self, failure: errors.LumiLinkError | None) -> None:
        """Who waits for the agent may go on, or is told that it is lost."""
        pending, self._pending = self._pending, []
        for decided in pending:
            if decided.done():
                continue
            if failure is None:
                decided.set_result(None)
            else:
                decided.set_exception(failure)

    def _notice(self, kind: NoticeKind) -> None:
        for session in self._sessions:
            session.notice(notice(kind))
