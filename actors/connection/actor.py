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
from actors.connection.opening import Opening
from actors.connection.port import AgentPort
from actors.connection.requests import ClientRequests
from actors.connection.session import Session
from actors.connection.table import SessionTable
from actors.kernel.actor import Actor
from actors.kernel.states import StopReason
from actors.protocol import compose, rewrite
from actors.protocol.envelope import Envelope, MessageKind, params_of
from actors.protocol.models import CancelRequestParams

log = logging.getLogger("lumilink.connection")

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
        self._unused_since: float | None = None

    async def started(self) -> None:
        """Make the agent's side; it dials when the first session is opened."""
        settings = self._settings
        self._port = AgentPort(self.context.ref, settings, self._from_agent, self._agent_gone)
        self._sessions = SessionTable(self._directory, self.context.ref)
        self._opening = Opening(
            self._port,
            self._sessions,
            self._directory,
            self._from_agent,
            settings=settings,
            installation=self._installation,
            workspace_id=self._workspace_id,
        )
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
                attachment.grant(frames, size)
                session = self._sessions.get(session_id)
                if session is not None:
                    session.catch_up(attachment)
            case OpenSession():
                return self.context.run(self._open(message), name="open session")
            case ForkSession():
                return self.context.run(self._fork(message), name="fork session")
            case AttachSession():
                self._attach(message)
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
                self._requests.cancel_overdue(message)
            case CheckIdle():
                self._check_idle()
            case DescribeSessions():
                return [session.summary() for session in self._sessions]
            case _:
                raise errors.InternalError(f"a connection actor takes no {type(message).__name__}")
        return None

    async def stopping(self, reason: StopReason) -> None:
        """End the link and tell every client that its session is over."""
        error = errors.SessionClosedError("the session was closed")
        if reason is StopReason.FAILED:
            error = errors.SessionClosedError("the session's actor failed; see the worker's log")
        for session in self._sessions:
            self._sessions.remove(session)
            session.end_attachments(error)
        await self._port.close()

    async def _open(self, request: OpenSession) -> None:
        if not await self._opening.open(request):
            self.context.stop()

    async def _fork(self, request: ForkSession) -> None:
        await self._opening.fork(request)
        self._stop_if_empty()

    def _stop_if_empty(self) -> None:
        if not self._sessions and not self._opening.is_under_way:
            self.context.stop()

    # ------------------------------------------------------------------ attachments

    def _attach(self, message: AttachSession) -> None:
        session, attachment = self._sessions.get(message.session_id), message.attachment
        if session is None:
            attachment.end(errors.SessionNotFoundError(f"no session {message.session_id}"))
            return
        if attachment.gone:
            return
        head = session.history.last_seq
        after = {AttachMode.LOAD: 0, AttachMode.RESUME: head}.get(message.mode, message.after_seq)
        if not 0 <= after <= head:
            attachment.end(
                errors.InvalidParamsError(f"afterSeq: expected 0 to {head}, the newest event; got {after}")
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

    def _close_session(self, session: Session, attachment: Attachment, request: Envelope) -> None:
        self._requests.end(session)
        self._sessions.remove(session)
        attachment.say_now(request.raw_id, compose.response(request.echo_id, {}))
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
        self._stop_if_empty()

    # ------------------------------------------------------------------ the agent

    def _from_agent(self, message: Envelope) -> None:
        session = self._sessions.concerned(message)
        if message.method == "$/cancel_request":
            self._withdraw(message)
        elif session is None:
            self._without_session(message)
        elif message.kind is MessageKind.REQUEST:
            try:
                session.ask(message)
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

    def _agent_gone(self, gone: AgentGone) -> None:
        """Its sessions stay, to be read. Whoever dials closes the link, also one that ended by itself."""
        if gone.closed.clean:
            return
        log.warning("agent of workspace %s ended: %s", self._workspace_id, gone.closed.reason)
        for session in self._sessions:
            session.questions.clear()
            toast = {"kind": "agent-closed", "severity": "error", "toast": "The agent ended unexpectedly."}
            session.notice("_lumilink/notice", {**toast, "detail": gone.closed.reason})
        self.context.run(self._port.close(), name="let go of the agent")

    # ------------------------------------------------------------------ idleness

    def _check_idle(self) -> None:
        """Close what nobody has been attached to for ``detached_ttl_s`` while no turn ran."""
        now = asyncio.get_running_loop().time()
        for session in self._sessions:
            session.drop_gone()
        used = any(session.attachments or session.turns.running for session in self._sessions)
        if used or self._opening.is_under_way:
            self._unused_since = None
        elif self._unused_since is None:
            self._unused_since = now
        elif now - self._unused_since >= self._settings.detached_ttl_s:
            log.info("workspace %s: nobody came back, closing the agent", self._workspace_id)
            self.context.stop(StopReason.IDLE)
            return
        self.context.after(IDLE_CHECK_S, CheckIdle())
