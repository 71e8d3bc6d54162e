"""Making sessions: ``session/new`` and ``session/fork``, from the request to its answer.

Both wait for the agent, for seconds, so they run as tasks of the connection actor. However they end, the
client is told, and the place of the session is given back if there is none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from actors import errors
from actors.connection import notices
from actors.connection.attachment import Attachment
from actors.connection.carriage import Carriage, carriage_of
from actors.connection.carrying import Carrying, asks_for_login, is_of_agent
from actors.connection.choices import Choice
from actors.connection.chronicle import Chronicle
from actors.connection.comeback import Comeback
from actors.connection.messages import ForkSession, OpenSession
from actors.connection.notices import Notice
from actors.connection.port import AgentPort
from actors.connection.record import SessionRecord, now_iso
from actors.connection.scope import Scope
from actors.connection.session import Session
from actors.connection.store import OnLost
from actors.connection.table import SessionTable
from actors.migration.contract import SampleKind
from actors.protocol import rewrite
from actors.protocol.envelope import Envelope, MessageKind, parse, result_of, result_raw
from actors.protocol.models import NewSessionResult

log = logging.getLogger("lumilink.connection")

MAX_EARLY = 1024
MAX_EARLY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Wanted:
    session_id: str
    cwd: str
    initialize: bytes
    surroundings: bytes
    carriage: Carriage
    user: str = ""
    choices: tuple[Choice, ...] = ()


class Opening:
    """Opens sessions on one connection.

    What the agent says of a session before it has told us the session's name waits here, and is handed to
    ``show`` once the session is there, or is not going to be.
    """

    def __init__(
        self,
        port: AgentPort,
        table: SessionTable,
        scope: Scope,
        carrying: Carrying,
        chronicle: Chronicle,
        comeback: Comeback,
        show: Callable[[Envelope], None],
        lost: OnLost,
    ) -> None:
        self._port = port
        self._table = table
        self._scope = scope
        self._carrying = carrying
        self._chronicle = chronicle
        self._comeback = comeback
        self._show = show
        self._on_lost = lost
        self._under_way: dict[str, Attachment] = {}
        self._early: list[Envelope] = []
        self._early_bytes = 0
        self._lost = False

    @property
    def is_under_way(self) -> bool:
        """Whether any session is being made."""
        return bool(self._under_way)

    async def open(self, request: OpenSession) -> bool:
        """Dial the agent and start its session; false if that came to nothing."""
        return await self._attempt(request.session_id, request.attachment, self._open(request))

    async def fork(self, request: ForkSession) -> bool:
        """Let the agent make a second session out of one; false if that came to nothing."""
        return await self._attempt(request.new_session_id, request.attachment, self._fork(request))

    def notice(self, of: Notice, **more: object) -> None:
        """Tell the clients whose sessions are being made of something. It is no event of theirs yet."""
        for session_id, attachment in self._under_way.items():
            attachment.say_now(b"", notices.frame(session_id, of, more))

    def hold(self, message: Envelope) -> bool:
        """Keep a message for a session that is not there yet; false if none is being made.

        Where too much would be kept, the sessions that are being made fail: they would have a gap.
        """
        if not self._under_way:
            return False
        self._early_bytes += len(message.frame)
        if len(self._early) >= MAX_EARLY or self._early_bytes > MAX_EARLY_BYTES:
            self._lost = True
            return message.kind is not MessageKind.REQUEST
        self._early.append(message)
        return True

    # ------------------------------------------------------------------ within

    async def _attempt(
        self, session_id: str, attachment: Attachment, work: Coroutine[object, object, None]
    ) -> bool:
        """Whatever ends the attempt, be it the actor's end: the client and the directory are told."""
        self._under_way[session_id] = attachment
        succeeded = False
        failure: errors.LumiLinkError = errors.ActorStoppedError(
            "the session's actor ended before it was open"
        )
        try:
            await work
            succeeded = True
        except errors.LumiLinkError as error:
            log.info("session of workspace %s not opened: %s", self._scope.workspace_id, error)
            failure = error
        finally:
            del self._under_way[session_id]
            if not succeeded:
                attachment.end(failure)
                self._scope.directory.session_closed(session_id)
            self._release()
        return succeeded

    async def _open(self, request: OpenSession) -> None:
        carriage = carriage_of(request.request)
        self._carrying.begin(request.session_id, carriage)
        failure: errors.LumiLinkError | None = None
        try:
            answer = await self._begin(request)
        except errors.LumiLinkError as error:
            if not self._carrying.may_fall_back(error, carriage):
                raise
            failure = error
            answer = await self._begin_over_http(request, carriage, failure)
        around = request.surroundings
        made = _Wanted(
            request.session_id, request.cwd, request.client_initialize, around, carriage, request.user
        )
        session = self._opened(made, request.attachment, request.request, answer)
        if failure is not None:
            self._carrying.began_over_http(session, failure)

    async def _begin(self, request: OpenSession) -> Envelope:
        """Dial the agent and ask it for a session; its answer."""
        await self._carrying.dial(request.cwd, request.client_initialize)
        return await self._ask(request.request)

    async def _begin_over_http(
        self, request: OpenSession, carriage: Carriage, failure: errors.LumiLinkError
    ) -> Envelope:
        """As ``_begin``, where that has failed over ACP. If this fails too, both are told."""
        log.info("workspace %s: no session over ACP: %s", self._scope.workspace_id, failure)
        self._early.clear()
        self._early_bytes = 0
        self._carrying.fall_back_at_opening(carriage, failure)
        try:
            return await self._begin(request)
        except errors.LumiLinkError as error:
            raise type(failure)(f"{failure.detail}; and over HTTP: {error.detail}") from None

    async def _ask(self, request: Envelope) -> Envelope:
        """The agent's answer to what makes a session, which is a sample of how well that goes."""
        try:
            answer = await self._port.call_forwarded(request, self._scope.settings.agent_start_timeout_s)
        except errors.LumiLinkError as error:
            if is_of_agent(error):
                self._carrying.note(SampleKind.SET_UP, ok=False)
            raise
        if not asks_for_login(answer):
            self._carrying.note(SampleKind.SET_UP, ok=answer.kind is not MessageKind.ERROR)
        return answer

    async def _fork(self, request: ForkSession) -> None:
        source = self._table.get(request.session_id)
        if source is None:
            raise errors.SessionNotFoundError(f"no session {request.session_id}")
        await self._comeback.reach()
        if not self._port.offers("sessionCapabilities", "fork"):
            raise errors.AgentCapabilityError("this agent cannot fork sessions")
        frame = rewrite.with_session(request.request.frame, source.session_id, source.agent_id)
        answer = await self._ask(parse(frame))
        carriage, chosen = source.carriage.forked(), tuple(source.choices)
        made = _Wanted(
            request.new_session_id,
            source.cwd,
            source.initialize,
            source.surroundings,
            carriage,
            source.user,  # the conversation is still that of whoever began it
            chosen,
        )
        self._opened(made, request.attachment, request.request, answer)

    def _opened(
        self, wanted: _Wanted, attachment: Attachment, request: Envelope, answer: Envelope
    ) -> Session:
        frame = rewrite.with_id(answer, request.echo_id)
        if answer.kind is MessageKind.ERROR:
            attachment.say_now(request.raw_id, frame)
            raise errors.SessionClosedError(f"the agent refused {request.method}")
        if attachment.gone:
            raise errors.SessionClosedError("the client left before its session was ready")
        if self._lost:
            raise errors.AgentProtocolError("the agent said too much of a session before it named it")
        session = self._session(wanted, answer)
        frame = rewrite.with_result_session(frame, session.agent_id, session.session_id)
        about = {
            "workspaceId": session.workspace_id,
            **session.carriage.confirmed(),
            **self._port.agreement,
        }
        frame = rewrite.with_meta(frame, about, part="result")
        self._table.add(session)
        self._chronicle.begun(session, self._port.state)
        session.attach(attachment, 0)
        # Only the answer tells the client the session's id, so it follows on the event that begins the
        # session and comes before all others. What the client is told of, the journal has.
        attachment.say(request.raw_id, frame, session.stream.last_seq)
        attachment.catch_up(session.history)
        return session

    def _session(self, wanted: _Wanted, answer: Envelope) -> Session:
        begun = SessionRecord(
            installation=self._scope.installation,
            workspace_id=self._scope.workspace_id,
            session_id=wanted.session_id,
            agent_id=result_of(answer, NewSessionResult).session_id,
            cwd=wanted.cwd,
            setup=result_raw(answer),
            initialize=wanted.initialize,
            sealed=self._scope.store.sealer.seal(wanted.surroundings),
            title=None,
            updated_at=now_iso(),
            choices=wanted.choices,
            carriage=wanted.carriage,
            user=wanted.user,
        )
        return self._scope.store.begin(begun, wanted.surroundings, self._scope.lease, self._on_lost)

    def _release(self) -> None:
        """Show what waited; what is still not anyone's is held again or refused, by ``show``."""
        early, self._early, self._early_bytes = self._early, [], 0
        self._lost = self._lost and self.is_under_way
        for message in early:
            try:
                self._show(message)
            except errors.LumiLinkError as error:
                log.warning("an early message of workspace %s is lost: %s", self._scope.workspace_id, error)
