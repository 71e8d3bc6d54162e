"""By which protocol a connection's sessions are carried: chosen before each dial, and changed when it must.

One connection has one agent at a time, over ACP or over HTTP, and so all of its sessions are carried alike.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from actors import errors
from actors.agents.dial import is_listening
from actors.agents.target import AgentTarget, TargetKind
from actors.connection.carriage import Carriage, container_called
from actors.connection.deciding import Deciding
from actors.connection.events import EventKind
from actors.connection.notices import NoticeKind, notice
from actors.connection.port import AgentPort
from actors.connection.scope import Scope
from actors.connection.session import Session
from actors.connection.table import SessionTable
from actors.metrics.catalogue import ACP_SAMPLES, FALLBACKS, HANDSHAKE_SECONDS, HANDSHAKES
from actors.metrics.meters import meters
from actors.migration.contract import Chosen, FellBack, SampleKind
from actors.protocol.agent_protocol import AgentProtocol
from actors.protocol.envelope import Envelope, MessageKind, error_of
from actors.protocol.identifiers import new_connection_id
from actors.protocol.redaction import redact

log = logging.getLogger("lumilink.connection")

AUTH_REQUIRED: Final = -32000
"""ACP's code of an agent that wants a login first."""
REACH_S: Final = 0.8
"""So long it may take to see whether an agent is there over HTTP: the whole decision takes under a second."""

_TRIGGERS: Final = {AgentProtocol.ACP: "return", AgentProtocol.HTTP: "rollback"}


class Carrying:
    """Chooses and changes the protocol of one connection."""

    def __init__(self, scope: Scope, port: AgentPort, sessions: SessionTable, deciding: Deciding) -> None:
        self._scope = scope
        self._port = port
        self._sessions = sessions
        self._deciding = deciding
        self._targets = _targets(scope)
        self._chosen = Chosen(port.protocol)
        self._container_id = ""
        self.is_ordered = False
        """Whether what the workspace has decided is being carried out."""

    @property
    def protocol(self) -> AgentProtocol:
        """By which the agent is reached now, or would be."""
        return self._port.protocol

    @property
    def container_id(self) -> str:
        """The container that the connection leads to, as records call it."""
        return self._container_id or container_called(self._scope.settings.target.label)

    # ------------------------------------------------------------------ before a dial

    def begin(self, session_id: str, carriage: Carriage) -> None:
        """A session is to be made: choose the protocol, and complete what its record will say of it."""
        self._container_id = carriage.container_id
        carriage.container_id = carriage.container_id or container_called(self._scope.settings.target.label)
        wanted = self._wanted(session_id, carriage)
        if wanted is not self.protocol:
            self._port.turn(wanted, self._targets[wanted], "the workspace reaches its agents so")
        carriage.protocol = self.protocol

    def take_up(self, session: Session) -> None:
        """A session that another process had goes on as it was carried there."""
        carriage = session.carriage
        if not carriage.connection_id:  # its record is older than that there are two protocols
            carriage.connection_id = new_connection_id()
            carriage.container_id = container_called(self._scope.settings.target.label)
            carriage.protocol = self.protocol
        self._container_id = carriage.container_id
        if carriage.protocol in self._targets:
            self._port.aim(carriage.protocol, self._targets[carriage.protocol])
        else:
            self._turn_session(session, self.protocol, "the gateway has no other target", None)

    async def settle(self) -> None:
        """The agent is about to be dialled again: as the workspace stands now, which may have changed.

        A session that ACP has failed stays on HTTP until its workspace decides to return, and what it has
        just decided is not asked again.
        """
        sessions = list(self._sessions)
        if self.is_ordered or len(sessions) != 1 or sessions[0].carriage.fallback_code:
            return
        wanted = self._wanted(sessions[0].session_id, sessions[0].carriage)
        if wanted is not self.protocol and not await self.obstacle(wanted):
            self.turn(wanted, "the workspace reaches its agents so")
            sessions[0].notice(notice(NoticeKind.SWITCHED, protocol=wanted.value.upper()))

    async def dial(self, cwd: str, client_initialize: bytes) -> None:
        """Reach the agent and shake hands; raises what ``AgentPort.open`` raises, and InvalidParamsError for
        a container that its address needs and nobody named.
        """
        target = self._targets[self.protocol].filled(
            self._container_id, self._scope.workspace_id, self._scope.installation
        )
        protocol, began = self.protocol, time.monotonic()
        try:
            await self._port.open(target, cwd, client_initialize)
        except errors.LumiLinkError as error:
            meters().count(HANDSHAKES, protocol.value, "failed")
            if is_of_agent(error):
                self.note(SampleKind.HANDSHAKE, ok=False)
            raise
        meters().count(HANDSHAKES, protocol.value, "ok")
        meters().observe(HANDSHAKE_SECONDS, time.monotonic() - began, protocol.value)
        self.note(SampleKind.HANDSHAKE, ok=True)

    def note(self, kind: SampleKind, *, ok: bool) -> None:
        """A sample for the workspace's standing, if it was over ACP."""
        if self.protocol is AgentProtocol.ACP:
            meters().count(ACP_SAMPLES, kind.value, "ok" if ok else "failed")
            p95_ms, probes = self._port.latency_p95_ms, self._chosen.is_probe
            self._scope.standing.note(kind, ok=ok, is_probe=probes, latency_p95_ms=p95_ms)

    # ------------------------------------------------------------------ changes

    def may_fall_back(self, error: errors.LumiLinkError, opening: Carriage | None = None) -> bool:
        """Whether what kept the agent from us is a reason to go on over HTTP, and that is allowed.

        A server of AgentAPI has one conversation, so a session that was forked stays where it is.
        """
        carriages = [session.carriage for session in self._sessions] if opening is None else [opening]
        return (
            self.protocol is AgentProtocol.ACP
            and AgentProtocol.HTTP in self._targets
            and self._scope.settings.fallback_enabled
            and self._scope.standing.fallback_enabled
            and len(carriages) == 1
            and carriages[0].fallback_enabled
            and is_of_agent(error)
        )

    async def obstacle(self, to: AgentProtocol) -> str:
        """The code of what keeps the sessions from being carried by ``to``; empty if nothing is known to."""
        if to not in self._targets or len(self._sessions) > 1:
            return errors.AgentCapabilityError.code
        if to is AgentProtocol.ACP:
            return ""
        if not all(session.carriage.fallback_enabled for session in self._sessions):
            return errors.AgentCapabilityError.code
        try:
            target = self._targets[to].filled(
                self._container_id, self._scope.workspace_id, self._scope.installation
            )
        except errors.InvalidParamsError as error:
            return error.code
        return "" if await is_listening(target, REACH_S) else errors.AgentUnreachableError.code

    def fall_back_at_opening(self, carriage: Carriage, error: errors.LumiLinkError) -> None:
        """No session could be made over ACP: try HTTP."""
        self._port.turn(AgentProtocol.HTTP, self._targets[AgentProtocol.HTTP], error.detail)
        carriage.protocol, carriage.fallback_code = AgentProtocol.HTTP, error.code

    def began_over_http(self, session: Session, error: errors.LumiLinkError) -> None:
        """The session that could not be made over ACP is there: everybody is told."""
        session.note(EventKind.PROTOCOL, _turned(AgentProtocol.HTTP, "fallback", error.detail, error))
        self._tell_of_fallback(session, error)

    def fall_back(self, error: errors.LumiLinkError) -> None:
        """ACP has failed the sessions: they go on over HTTP from here, and everybody is told."""
        self.turn(AgentProtocol.HTTP, error.detail, error)
        for session in self._sessions:
            self._tell_of_fallback(session, error)

    def turn(self, to: AgentProtocol, reason: str, failure: errors.LumiLinkError | None = None) -> None:
        """Carry all sessions by ``to`` from here on; the agent there is reached at the next dial.

        What the agent that is left had asked is void: it is another agent.
        """
        for session in self._sessions:
            self._deciding.agent_away(session)
            self._deciding.give_up(session)
        self._port.turn(to, self._targets[to], reason)
        for session in self._sessions:
            self._turn_session(session, to, reason, failure)

    def _turn_session(
        self, session: Session, to: AgentProtocol, reason: str, failure: errors.LumiLinkError | None
    ) -> None:
        trigger, code = (_TRIGGERS[to], "") if failure is None else ("fallback", failure.code)
        known = session.carriage.turn(to, session.agent_id, session.stream.last_seq, code)
        self._sessions.rename(session, known)
        session.note(EventKind.PROTOCOL, _turned(to, trigger, reason, failure))
        session.stream.save()

    def _tell_of_fallback(self, session: Session, error: errors.LumiLinkError) -> None:
        log.warning("session %s goes on over HTTP: %s", session.session_id, error)
        meters().count(FALLBACKS, error.category.value)
        session.notice(
            notice(NoticeKind.FELL_BACK), code=error.code, category=error.category.value, detail=error.detail
        )
        self._scope.tell_workspace(
            FellBack(session.session_id, error.code, error.category, redact(error.detail))
        )

    def _wanted(self, session_id: str, carriage: Carriage) -> AgentProtocol:
        """What the workspace wants, if this session can be carried so; else as it is carried now."""
        self._chosen = self._scope.standing.choose(session_id)
        wanted = self._chosen.protocol
        if wanted not in self._targets:
            return self.protocol
        if wanted is AgentProtocol.HTTP and not carriage.fallback_enabled:
            return self.protocol
        return wanted


def is_of_agent(error: errors.LumiLinkError) -> bool:
    """Whether it is the agent, or the way to it, that failed: not we, and not the request."""
    is_of_request = isinstance(error, errors.InvalidParamsError | errors.FrameTooLargeError)
    return isinstance(error, errors.ConnectionFault | errors.ProtocolFault) and not is_of_request


def asks_for_login(answer: Envelope) -> bool:
    """Whether the agent refuses because nobody has logged in to it: that says nothing of ACP."""
    return answer.kind is MessageKind.ERROR and error_of(answer).code == AUTH_REQUIRED


def _targets(scope: Scope) -> dict[AgentProtocol, AgentTarget]:
    main, fallback = scope.settings.target, scope.settings.fallback
    if main.kind is TargetKind.AGENTAPI:
        return {AgentProtocol.HTTP: main}
    return {AgentProtocol.ACP: main} | ({} if fallback is None else {AgentProtocol.HTTP: fallback})


def _turned(
    to: AgentProtocol, trigger: str, reason: str, error: errors.LumiLinkError | None
) -> dict[str, object]:
    return {
        "from": to.other.value,
        "to": to.value,
        "trigger": trigger,
        "code": None if error is None else error.code,
        "category": None if error is None else error.category.value,
        "reason": redact(reason),
    }
