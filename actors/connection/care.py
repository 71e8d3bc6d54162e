"""Looking after a connection now and then: who still needs it, how its agent fares, whether that is stuck."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from actors.connection.health import Activity
from actors.connection.messages import CheckIdle
from actors.connection.notices import NoticeKind, notice
from actors.connection.opening import Opening
from actors.connection.port import AgentPort
from actors.connection.prompting import Prompting
from actors.connection.scope import Scope
from actors.connection.session import Session
from actors.connection.states import ConnectionState
from actors.connection.table import SessionTable
from actors.kernel.actor import ActorContext
from actors.kernel.states import StopReason

log = logging.getLogger("lumilink.connection")

IDLE_CHECK_S: Final = 30.0


class Care:
    """Lets go of what nobody uses, and gets an agent out of a turn that it is stuck in."""

    def __init__(
        self,
        context: ActorContext,
        scope: Scope,
        port: AgentPort,
        sessions: SessionTable,
        opening: Opening,
        prompting: Prompting,
    ) -> None:
        self._context = context
        self._settings = scope.settings
        self._workspace_id = scope.workspace_id
        self._port = port
        self._sessions = sessions
        self._opening = opening
        self._prompting = prompting
        self._idle_since = self._alone_since = _now()

    def begin(self) -> None:
        """Look again in a while: after 30 s, or earlier where agents may not be silent for long."""
        self._context.after(min(IDLE_CHECK_S, self._settings.stall_timeout_s / 2), CheckIdle())

    def look(self) -> None:
        """Look once. Whoever has been alone for ``detached_ttl_s`` is unloaded; the journal has it."""
        now = _now()
        for session in self._sessions:
            session.drop_gone()
        working = self._is_working()
        if working or any(len(session.questions) for session in self._sessions):
            self._idle_since = now
        if working or any(session.attachments for session in self._sessions):
            self._alone_since = now
        if now - self._alone_since >= self._settings.detached_ttl_s:
            log.info("workspace %s: nobody came back, its session is unloaded", self._workspace_id)
            self._context.stop(StopReason.IDLE)
            return
        if now - self._idle_since >= self._settings.agent_idle_s:
            self._let_agent_sleep()
        link = self._port.link
        if link is not None and self._port.lodging.wants_size(link):
            self._context.run(self._port.lodging.measure(link), name="measure the agent")
        self._tell_of_health()
        for session in self._sessions:
            self._unstick(session, now)
        self.begin()

    def make_room(self) -> None:
        """Others need the agent's memory: one that has nothing to do sleeps earlier than it would."""
        if not self._is_working() and not any(len(session.questions) for session in self._sessions):
            self._let_agent_sleep()

    def _is_working(self) -> bool:
        return self._opening.is_under_way or any(session.turns.running for session in self._sessions)

    def _let_agent_sleep(self) -> None:
        """An agent takes hundreds of megabytes; one that can load its session again need not stay."""
        port = self._port
        comes_back = port.offers("loadSession") or port.offers("sessionCapabilities", "resume")
        if port.is_connected and comes_back:
            self._context.run(port.close(), name="let the agent go")

    def _tell_of_health(self) -> None:
        if not self._port.judge():
            return
        is_degraded = self._port.state is ConnectionState.DEGRADED
        of = notice(NoticeKind.AGENT_DEGRADED if is_degraded else NoticeKind.AGENT_RECOVERED)
        for session in self._sessions:
            session.notice(of)

    def _unstick(self, session: Session, now: float) -> None:
        turn, asked = session.turns.running, len(session.questions) > 0
        if turn is None or turn.call is None or turn.cancel_asked:
            return
        if self._port.progress.judged(now, turn_runs=True, person_asked=asked) is Activity.WEDGED:
            session.notice(notice(NoticeKind.AGENT_WEDGED))
            self._prompting.unstick(session)


def _now() -> float:
    return asyncio.get_running_loop().time()
