"""The actor that holds one connection to an agent and the sessions on it.

It is a child of its workspace's actor. Opening an agent takes seconds, so it runs beside the mailbox;
everything else is done at once, one message at a time.
"""

from __future__ import annotations

import logging

from actors import errors
from actors.automation.messages import AskApproval, AutomationNews
from actors.connection.automating import Automating
from actors.connection.care import Care
from actors.connection.carrying import Carrying
from actors.connection.chronicle import Chronicle, Move
from actors.connection.closing import Closing, settled
from actors.connection.comeback import Comeback
from actors.connection.deciding import Deciding, views
from actors.connection.joining import Joining
from actors.connection.lodging import Lodging
from actors.connection.logbook import Logbook
from actors.connection.messages import (
    AgentGone,
    AskedAgainOverdue,
    AttachSession,
    BringBack,
    CancelOverdue,
    CheckIdle,
    ClientFrame,
    Credit,
    DecideQuestion,
    DescribeSessions,
    DescribeStatus,
    Detach,
    EraseSession,
    ForkSession,
    JournalAway,
    ListQuestions,
    MakeRoom,
    OpenSession,
    Pressed,
    QuestionExpired,
    Readable,
    RequestOverdue,
    RunAutomation,
    StatusDue,
    SwitchDue,
    TellAgent,
)
from actors.connection.notices import NoticeKind, notice
from actors.connection.opening import Opening
from actors.connection.port import AgentPort
from actors.connection.prompting import Prompting
from actors.connection.rejoining import Rejoining
from actors.connection.requests import ClientRequests
from actors.connection.scope import Scope
from actors.connection.session import Session
from actors.connection.status.desk import StatusDesk
from actors.connection.store import StoredSession
from actors.connection.switching import Switching
from actors.connection.table import SessionTable
from actors.kernel.actor import Actor
from actors.kernel.states import StopReason
from actors.migration.contract import SwitchProtocol
from actors.protocol import compose
from actors.protocol.envelope import Envelope, MessageKind, params_of
from actors.protocol.models import CancelRequestParams
from actors.protocol.rewrite import UpdateParams

log = logging.getLogger("lumilink.connection")


class ConnectionActor(Actor):
    """Holds a link to an agent; made by the workspace actor for one ``session/new``.

    With ``stored`` it takes up a session that the journal has; its agent is brought back when needed.
    """

    def __init__(self, scope: Scope, stored: StoredSession | None = None) -> None:
        self._scope = scope
        self._stored = stored
        self._ending: errors.LumiLinkError | None = None

    async def started(self) -> None:
        """Make the parts; the agent is dialled when the first session is opened, or needs it."""
        self._sessions = SessionTable(self._scope.directory, self.context.ref)
        self._make_the_agents_side()
        self._make_the_clients_side()
        self._care = Care(
            self.context, self._scope, self._port, self._sessions, self._opening, self._prompting
        )
        self._care.begin()
        if self._stored is not None:
            self._take_up(self._stored)

    def _make_the_agents_side(self) -> None:
        """What reaches the agent, brings it back and exchanges it."""
        context, scope, sessions = self.context, self._scope, self._sessions
        settings, me = scope.settings, context.ref
        self._chronicle = Chronicle(sessions)
        self._logbook = logbook = Logbook(scope.installation, lambda: self._carrying.container_id)
        lodging = Lodging(
            scope.room, me, scope.installation, settings.target, settings.agent_wait_s, self._agent_waits
        )
        self._port = port = AgentPort(
            me,
            settings,
            self._update_from_agent,
            self._from_agent,
            self._agent_gone,
            self._moved,
            lodging,
            scope.lease.placement.worker,
            logbook.said,
        )
        self._automating = Automating(
            context, scope.automation, lambda *asked: self._deciding.ask_for_run(*asked)
        )
        self._deciding = deciding = Deciding(
            context,
            port,
            settings.question_ttl_s,
            lambda: self._comeback.wanted(),
            self._automating.approved,
        )
        self._carrying = carrying = Carrying(scope, port, sessions, deciding)
        recall, timeout_s = scope.store.recall, settings.agent_start_timeout_s
        rejoining = Rejoining(context, port, sessions, recall, deciding, carrying, timeout_s)
        self._comeback = comeback = Comeback(
            context, rejoining, carrying, sessions, settings.reconnect, deciding.give_up
        )
        self._opening = Opening(
            port,
            sessions,
            scope,
            carrying,
            self._chronicle,
            comeback,
            self._from_agent,
            self._session_lost,
        )
        self._switching = Switching(
            context, scope, port, sessions, carrying, rejoining, comeback, self._opening
        )

    def _make_the_clients_side(self) -> None:
        """What takes what clients say."""
        settings, store = self._scope.settings, self._scope.store
        self._prompting = Prompting(
            self.context,
            self._port,
            self._carrying,
            self._comeback,
            store.recall,
            self._automating,
            settings.cancel_grace_s,
            self._agent_stuck,
            self._switching.look,
        )
        self._requests = ClientRequests(
            self.context,
            self._port,
            self._prompting,
            self._comeback,
            self._deciding,
            self._automating,
            lambda *closed: self._closing.close(*closed),
            request_timeout_s=settings.request_timeout_s,
            max_frame_bytes=settings.max_frame_bytes,
        )
        self._joining = Joining(self.context, store, self._prompting)
        self._status = StatusDesk(self.context, self._port, self._sessions, self._scope.times)
        self._closing = Closing(
            self.context,
            self._port,
            self._sessions,
            self._requests,
            self._chronicle,
            self._automating,
            self._stop_if_empty,
            settings.request_timeout_s,
        )

    def receive(self, message: object) -> object:
        """Take one message; see ``messages.py``."""
        match message:
            case Readable():
                self._port.read()
            case ClientFrame(session_id, attachment, frame):
                session = self._sessions.get(session_id)
                if session is not None:
                    self._requests.take(session, attachment, frame)
            case Credit(session_id, attachment, frames, size):
                attachment.grant(frames, size)
                session = self._sessions.get(session_id)
                if session is not None:
                    self._joining.catch_up(session, attachment)
            case OpenSession():
                self._logbook.hide(message.surroundings)
                return self.context.run(self._open(message), name="open session")
            case ForkSession():
                return self.context.run(self._fork(message), name="fork session")
            case AttachSession():
                session = self._sessions.get(message.session_id)
                self._joining.attach(session, message)
                if session is not None:
                    self._logbook.hide(session.surroundings)
                    self._status.look()
            case Detach(session_id, attachment):
                session = self._sessions.get(session_id)
                if session is not None:
                    session.detach(attachment)
            case _:
                return self._control(message)
        return None

    def _control(self, message: object) -> object:
        match message:
            case RequestOverdue():
                self._requests.overdue(message)
            case CancelOverdue():
                self._prompting.cancel_overdue(message)
            case TellAgent(session_id):
                session = self._sessions.get(session_id)
                if session is not None:
                    self._deciding.tell_again(session, message)
            case AskedAgainOverdue(session_id):
                session = self._sessions.get(session_id)
                if session is not None:
                    self._deciding.asked_again_overdue(session, message)
            case Pressed(pressed):
                self._port.press(pressed)
            case JournalAway(away):
                for one in self._sessions:
                    one.journal_away(away=away)
            case BringBack():
                self._comeback.attempt()
            case SwitchProtocol():
                self._switching.want(message)
            case SwitchDue():
                self._switching.look_again()
            case CheckIdle():
                self._care.look()
            case MakeRoom():
                self._care.make_room()
            case QuestionExpired(session_id):
                session = self._sessions.get(session_id)
                if session is not None:
                    self._deciding.expire(session, message)
            case ListQuestions(session_id):
                return views(self._session(session_id).questions.open())
            case DecideQuestion(session_id):
                self._deciding.decide(self._session(session_id), message)
            case EraseSession(session_id):
                return self.context.run(self._closing.erase(self._session(session_id)), name="erase session")
            case AutomationNews() | AskApproval():
                session = self._sessions.get(message.session_id)
                if session is not None:
                    self._automating.take(session, message)
            case RunAutomation(session_id, name, wish):
                run = self._automating.run_once(self._session(session_id), name, wish)
                return self.context.run(run, name="automation")
            case StatusDue(session_id):
                self._status.due(session_id)
            case DescribeStatus(session_id):
                return self._status.describe(self._session(session_id))
            case DescribeSessions():
                return [session.summary(self._port.describe()) for session in self._sessions]
            case _:
                raise errors.InternalError(f"a connection actor takes no {type(message).__name__}")
        return None

    async def stopping(self, reason: StopReason) -> None:
        """Let go of the agent and the clients; the sessions stay in the journal.

        What runs is interrupted. The clients are told once all that happened is committed.
        """
        error = self._ending or errors.GatewayStoppingError("the worker is stopping")
        if self._scope.lease.is_lost or self._scope.lease.is_handed_over:
            error = errors.SessionMovedError("another worker goes on with the workspace")
        elif reason is StopReason.FAILED:
            error = errors.SessionMovedError("the session's actor failed and is started again")
        sessions = list(self._sessions)
        for session in sessions:
            if not session.closed:
                self._prompting.interrupt(session, error.detail)
                self._deciding.end(session)
                session.stream.save()
        self._port.retire()
        try:
            await settled(sessions)
        finally:
            for session in sessions:
                self._sessions.remove(session)
                session.end_attachments(error)
                session.release()
            await self._port.close()

    # ------------------------------------------------------------------ sessions

    async def _open(self, request: OpenSession) -> None:
        if await self._opening.open(request):
            self._status.look()
        else:
            self.context.stop()

    async def _fork(self, request: ForkSession) -> None:
        if await self._opening.fork(request):
            self._status.look()
        self._stop_if_empty()

    def _take_up(self, stored: StoredSession) -> None:
        """Another process had the session: what it left unfinished is over."""
        scope, record = self._scope, stored.record
        session = scope.store.restore(stored, scope.lease, self._session_lost)
        self._sessions.add(session)
        self._logbook.hide(session.surroundings)
        self._carrying.take_up(session)
        self._prompting.finish_stored(session, record.turn)
        for question in record.asked:
            session.void_stored(question)
        self._automating.loaded(session)
        self._status.look()
        if session.cut_off or session.questions.has_untold:
            self._comeback.begin(errors.AgentClosedError("the worker of the agent went away"))

    def _session(self, session_id: str) -> Session:
        session = self._sessions.get(session_id)
        if session is None:
            raise errors.SessionNotFoundError(f"no session {session_id}")
        return session

    def _stop_if_empty(self) -> None:
        if not self._sessions and not self._opening.is_under_way:
            self.context.stop()

    def _session_lost(self, session: Session, error: errors.LumiLinkError) -> None:
        """The journal took no more of a session: whoever holds it now, it is not us."""
        log.warning("session %s is let go: %s", session.session_id, error)
        self._ending = errors.SessionMovedError("the session is taken up from the journal again")
        if isinstance(error, errors.FenceRefusedError):
            self._scope.lease.refused()
        self.context.stop()

    # ------------------------------------------------------------------ the agent

    def _update_from_agent(self, update: UpdateParams, frame: bytes) -> bool:
        session = self._sessions.named(update.session_id)
        if session is None or session.replay is not None:
            return False
        session.show_plain_update(update, frame)
        return True

    def _from_agent(self, message: Envelope) -> None:
        session = self._sessions.concerned(message)
        if message.method == "$/cancel_request":
            self._withdraw(message)
        elif session is None:
            self._without_session(message)
        elif message.kind is MessageKind.REQUEST:
            try:
                self._deciding.ask(session, message)
            except errors.LumiLinkError as error:
                self._refuse_agent(message, error)
        elif message.session_id is not None:
            session.show_update(message.frame)
        else:
            session.show_unscoped(message.frame)

    def _without_session(self, message: Envelope) -> None:
        """What names a session that the agent has not told us of yet waits until it has."""
        if self._opening.hold(message):
            return
        if message.kind is MessageKind.REQUEST:
            self._refuse_agent(message, errors.InvalidParamsError("params.sessionId: no such session"))
        else:
            log.debug("%s for a session that is not there", message.method)

    def _withdraw(self, message: Envelope) -> None:
        """It names a request, not a session; the request may be one that waits for its session."""
        wanted = bytes(params_of(message, CancelRequestParams).request_id)
        if not any(session.withdraw(wanted) for session in self._sessions):
            self._opening.hold(message)

    def _refuse_agent(self, message: Envelope, error: errors.LumiLinkError) -> None:
        try:
            self._port.send(compose.error_response(message.echo_id, error))
        except errors.LumiLinkError as closed:
            log.debug("cannot refuse %s: %s", message.method, closed)

    def _agent_waits(self, before: int) -> None:
        waits = notice(NoticeKind.AGENT_WAITS, queue=f": {before} are before it" if before else "")
        for session in self._sessions:
            session.notice(waits, before=before)
        self._opening.notice(waits, before=before)

    def _agent_stuck(self, error: errors.LumiLinkError) -> None:
        self._port.retire()
        self.context.run(self._port.let_go(), name="end a stuck agent")
        self._comeback.leave(error)

    def _moved(self, move: Move) -> None:
        self._chronicle.moved(move)
        self._logbook.moved(move)
        self._status.stir()

    def _agent_gone(self, gone: AgentGone) -> None:
        """Its sessions stay. Whoever dials closes the link, also one that ended by itself."""
        if gone.closed.clean:
            return
        log.warning("agent of workspace %s ended: %s", self._scope.workspace_id, gone.closed.reason)
        self.context.run(self._port.let_go(), name="let go of the agent")
        if self._comeback.is_trying:
            return
        for session in self._sessions:
            self._deciding.agent_away(session)
            session.notice(notice(NoticeKind.AGENT_CLOSED), detail=gone.closed.reason)
        if not self._opening.is_under_way:
            self._comeback.begin(errors.AgentClosedError(gone.closed.reason))
