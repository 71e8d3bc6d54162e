"""The actor that holds one connection to an agent and the sessions on it.

It is a child of its workspace's actor. Opening an agent takes seconds, so it runs beside the mailbox;
everything else is done at once, one message at a time.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from actors import errors
from actors.connection.attachment import Attachment
from actors.connection.messages import (
    AgentGone,
    AttachMode,
    AttachSession,
    CancelOverdue,
    CheckIdle,
    ClientFrame,
    ConnectionSettings,
    Credit,
    DescribeSessions,
    Detach,
    ForkSession,
    OpenSession,
    Readable,
    RequestOverdue,
    SessionDirectory,
)
from actors.connection.port import AgentPort
from actors.connection.requests import ClientRequests
from actors.connection.session import Session
from actors.kernel.actor import Actor
from actors.kernel.states import StopReason
from actors.protocol import compose, rewrite
from actors.protocol.envelope import Envelope, MessageKind, parse, result_of, result_raw
from actors.protocol.models import NewSessionResult

log = logging.getLogger("lumilink.connection")

MAX_EARLY = 256
IDLE_CHECK_S = 30.0


class ConnectionActor(Actor):
    """Holds a link to an agent; made by the workspace actor for one ``session/new``."""

    def __init__(
        self, settings: ConnectionSettings, directory: SessionDirectory, installation: str, workspace_id: str
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._installation = installation
        self._workspace_id = workspace_id
        self._sessions: dict[str, Session] = {}
        self._by_agent_id: dict[str, Session] = {}
        self._early: list[Envelope] = []
        self._opening = 0
        self._unused_since: float | None = None

    async def started(self) -> None:
        """Make the agent's side; it dials when the first session is opened."""
        settings = self._settings
        self._port = AgentPort(self.context.ref, settings, self._from_agent, self._agent_gone)
        self._requests = ClientRequests(
            self.context,
            self._port,
            self._close_session,
            request_timeout_s=settings.request_timeout_s,
            cancel_grace_s=settings.cancel_grace_s,
            max_frame_bytes=settings.max_frame_bytes,
        )
        self.context.after(IDLE_CHECK_S, CheckIdle())

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
                session = self._sessions.get(session_id)
                if session is not None:
                    attachment.grant(frames, size)
                    attachment.catch_up(session.history)
            case OpenSession():
                return self.context.run(self._open(message), name="open session")
            case ForkSession():
                return self.context.run(self._fork(message), name="fork session")
            case AttachSession():
                self._attach(message)
            case Detach(session_id, attachment):
                self._detach(session_id, attachment)
            case _:
                return self._control(message)
        return None

    def _control(self, message: object) -> object:
        match message:
            case RequestOverdue():
                self._requests.overdue(message)
            case CancelOverdue():
                session = self._sessions.get(message.session_id)
                if session is not None:
                    self._requests.cancel_overdue(session, message)
            case CheckIdle():
                self._check_idle()
            case DescribeSessions():
                return [session.summary() for session in self._sessions.values()]
            case _:
                raise errors.InternalError(f"a connection actor takes no {type(message).__name__}")
        return None

    async def stopping(self, reason: StopReason) -> None:
        """End the link and tell every client that its session is over."""
        error = errors.SessionClosedError("the session was closed")
        if reason is StopReason.FAILED:
            error = errors.SessionClosedError("the session's actor failed; see the worker's log")
        for session_id, session in self._sessions.items():
            self._directory.session_closed(session_id)
            session.end_attachments(error)
        self._sessions.clear()
        await self._port.close()

    # ------------------------------------------------------------------ opening

    async def _open(self, request: OpenSession) -> None:
        self._opening += 1
        try:
            await self._port.open(request.cwd, request.client_initialize)
            answer = await self._ask_agent(request.request)
            self._opened(request, answer)
        except errors.LumiLinkError as error:
            log.info("session of workspace %s not opened: %s", self._workspace_id, error)
            request.attachment.end(error)
            self._directory.session_closed(request.session_id)
            self.context.stop()
        finally:
            self._opening -= 1

    async def _ask_agent(self, request: Envelope) -> Envelope:
        """The agent's answer to a request that is forwarded as it is, its deadline being that of a start."""
        assert request.method is not None
        return await self._port.call_forwarded(request, self._settings.agent_start_timeout_s)

    def _opened(self, request: OpenSession, answer: Envelope) -> None:
        attachment = request.attachment
        if answer.kind is MessageKind.ERROR:
            frame = rewrite.with_id(answer, request.request.echo_id)
            attachment.say(request.request.raw_id, frame, 0)
            raise errors.SessionClosedError("the agent refused to open a session")
        if attachment.gone:
            raise errors.SessionClosedError("the client left before its session was ready")
        session = self._add(request.session_id, answer, request.cwd)
        frame = rewrite.with_id(answer, request.request.echo_id)
        self._welcome(session, attachment, request.request.raw_id, frame)

    def _add(self, session_id: str, answer: Envelope, cwd: str) -> Session:
        agent_id = result_of(answer, NewSessionResult).session_id
        session = Session(
            session_id,
            agent_id,
            installation=self._installation,
            workspace_id=self._workspace_id,
            cwd=cwd,
            setup=result_raw(answer),
            history_bytes=self._settings.history_bytes,
        )
        self._sessions[session_id] = session
        self._by_agent_id[agent_id] = session
        self._directory.session_opened(session_id, self.context.ref)
        return session

    def _welcome(self, session: Session, attachment: Attachment, request_id: bytes, frame: bytes) -> None:
        """Answer, then show what the agent said meanwhile: only the answer tells the client the id."""
        frame = rewrite.with_result_session(frame, session.agent_id, session.session_id)
        about = {"workspaceId": session.workspace_id, **self._port.agreement}
        attachment.say(request_id, rewrite.with_meta(frame, about, part="result"), 0)
        session.attach(attachment, 0)
        early, self._early = self._early, []
        for message in early:
            self._from_agent(message)

    async def _fork(self, request: ForkSession) -> None:
        source = self._sessions.get(request.session_id)
        try:
            if source is None:
                raise errors.SessionNotFoundError(f"no session {request.session_id}")
            if not self._port.offers("sessionCapabilities", "fork"):
                raise errors.AgentCapabilityError("this agent cannot fork sessions")
            self._opening += 1
            try:
                forwarded = parse(
                    rewrite.with_session(request.request.frame, source.session_id, source.agent_id)
                )
                answer = await self._ask_agent(forwarded)
            finally:
                self._opening -= 1
            frame = rewrite.with_id(answer, request.request.echo_id)
            if answer.kind is MessageKind.ERROR:
                request.attachment.say(request.request.raw_id, frame, 0)
                raise errors.SessionClosedError("the agent refused to fork the session")
            session = self._add(request.new_session_id, answer, source.cwd)
            self._welcome(session, request.attachment, request.request.raw_id, frame)
        except errors.LumiLinkError as error:
            request.attachment.end(error)
            self._directory.session_closed(request.new_session_id)

    # ------------------------------------------------------------------ attachments

    def _attach(self, message: AttachSession) -> None:
        session = self._sessions.get(message.session_id)
        if session is None:
            message.attachment.end(errors.SessionNotFoundError(f"no session {message.session_id}"))
            return
        attachment, history = message.attachment, session.history
        head = history.last_seq
        after = {AttachMode.LOAD: 0, AttachMode.RESUME: head}.get(message.mode, message.after_seq)
        if after > head:
            attachment.end(
                errors.InvalidParamsError(f"afterSeq: the session's newest event is {head}, got {after}")
            )
            return
        session.attach(attachment, after)
        attachment.say(message.request.raw_id, self._attached(session, message, after), head)
        session.ask_again(attachment)
        session.touch()

    def _attached(self, session: Session, message: AttachSession, after: int) -> bytes:
        history = session.history
        about = {
            "seq": history.last_seq,
            "firstSeq": history.first_seq,
            "reset": after + 1 < history.first_seq,
            "workspaceId": session.workspace_id,
        }
        request_id = message.request.echo_id
        if message.mode is AttachMode.CURSOR:
            return compose.response(request_id, {"sessionId": session.session_id, **about})
        setup = msgspec.json.decode(session.setup, type=dict[str, msgspec.Raw])
        setup.pop("sessionId", None)
        return rewrite.with_meta(compose.response(request_id, setup), about, part="result")

    def _detach(self, session_id: str, attachment: Attachment) -> None:
        session = self._sessions.get(session_id)
        if session is not None:
            session.detach(attachment)

    def _close_session(self, session: Session, attachment: Attachment, request: Envelope) -> None:
        self._sessions.pop(session.session_id, None)
        self._by_agent_id.pop(session.agent_id, None)
        self._directory.session_closed(session.session_id)
        attachment.say(request.raw_id, compose.response(request.echo_id, {}), session.history.last_seq)
        session.end_attachments(errors.SessionClosedError("the session was closed by a client"))
        self.context.run(self._close_at_agent(session, request), name="close session")

    async def _close_at_agent(self, session: Session, request: Envelope) -> None:
        assert request.method is not None
        try:
            if self._port.offers("sessionCapabilities", request.method.removeprefix("session/")):
                params = {"sessionId": session.agent_id}
                await self._port.call(request.method, params, self._settings.request_timeout_s)
        except errors.LumiLinkError as error:
            log.info("the agent did not close its session: %s", error)
        if not self._sessions:
            self.context.stop()

    # ------------------------------------------------------------------ the agent

    def _from_agent(self, message: Envelope) -> None:
        session = self._session_of(message)
        if session is None:
            self._without_session(message)
        elif message.kind is MessageKind.REQUEST:
            try:
                session.ask(message)
            except errors.LumiLinkError as error:
                self._refuse_agent(message, error)
        elif message.session_id is not None:
            session.show_update(message.frame)
        elif message.method == "$/cancel_request":
            self._withdraw(message)
        else:
            session.show_unscoped(message.frame)

    def _session_of(self, message: Envelope) -> Session | None:
        if message.session_id is not None:
            return self._by_agent_id.get(message.session_id)
        return next(iter(self._sessions.values()), None) if len(self._sessions) == 1 else None

    def _without_session(self, message: Envelope) -> None:
        """What names a session that the agent has not told us of yet waits until it has."""
        if self._opening and len(self._early) < MAX_EARLY:
            self._early.append(message)
        elif message.kind is MessageKind.REQUEST:
            self._refuse_agent(message, errors.InvalidParamsError("params.sessionId: no such session"))
        else:
            log.debug("%s for a session that is not there", message.method)

    def _withdraw(self, message: Envelope) -> None:
        params = msgspec.json.decode(message.frame, type=_CancelFrame).params
        for session in self._sessions.values():
            session.withdraw(bytes(params.request_id))

    def _refuse_agent(self, message: Envelope, error: errors.LumiLinkError) -> None:
        try:
            self._port.send(compose.error_response(message.echo_id, error))
        except errors.LumiLinkError as closed:
            log.debug("cannot refuse %s: %s", message.method, closed)

    def _agent_gone(self, gone: AgentGone) -> None:
        if gone.closed.clean:
            return
        log.warning("agent of workspace %s ended: %s", self._workspace_id, gone.closed.reason)
        for session in self._sessions.values():
            session.questions.clear()
            toast = {"kind": "agent-closed", "severity": "error", "toast": "The agent ended unexpectedly."}
            session.notice("_lumilink/notice", {**toast, "detail": gone.closed.reason})

    # ------------------------------------------------------------------ idleness

    def _check_idle(self) -> None:
        """Close what nobody has been attached to for ``detached_ttl_s`` while no turn ran."""
        now = asyncio.get_running_loop().time()
        used = self._opening or any(s.attachments or s.turns.running for s in self._sessions.values())
        if used:
            self._unused_since = None
        elif self._unused_since is None:
            self._unused_since = now
        elif now - self._unused_since >= self._settings.detached_ttl_s:
            log.info("workspace %s: nobody came back, closing the agent", self._workspace_id)
            self.context.stop(StopReason.IDLE)
            return
        self.context.after(IDLE_CHECK_S, CheckIdle())


class _CancelParams(msgspec.Struct):
    request_id: msgspec.Raw = msgspec.field(name="requestId")


class _CancelFrame(msgspec.Struct):
    params: _CancelParams
