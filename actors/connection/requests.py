"""What attached clients say in a session, and what becomes of it. Prompts are in ``prompting.py``."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

import msgspec

from actors import errors
from actors.connection import automating, choices, notices
from actors.connection.attachment import Attachment
from actors.connection.automating import Automating
from actors.connection.comeback import Comeback
from actors.connection.deciding import Deciding
from actors.connection.events import Asker
from actors.connection.messages import RequestOverdue
from actors.connection.notices import NoticeKind
from actors.connection.port import AgentPort
from actors.connection.prompting import Prompting
from actors.connection.roles import Role
from actors.connection.session import Session
from actors.kernel.actor import ActorContext
from actors.metrics.faults import count_fault
from actors.protocol import compose, rewrite
from actors.protocol.envelope import Envelope, MessageKind, params_of, parse, request_id_of
from actors.protocol.models import CancelRequestParams

log = logging.getLogger("lumilink.connection")

CANCELLED = {"stopReason": "cancelled"}


class ClientRequests:
    """Takes the frames of clients for the sessions of one connection."""

    def __init__(
        self,
        context: ActorContext,
        port: AgentPort,
        prompting: Prompting,
        comeback: Comeback,
        deciding: Deciding,
        automating: Automating,
        close: Callable[[Session, Attachment, Envelope], None],
        *,
        request_timeout_s: float,
        max_frame_bytes: int,
    ) -> None:
        self._context = context
        self._port = port
        self._prompting = prompting
        self._comeback = comeback
        self._deciding = deciding
        self._automating = automating
        self._close = close
        self._request_timeout_s = request_timeout_s
        self._max_frame_bytes = max_frame_bytes
        self._calls: dict[Asker, int] = {}

    def take(self, session: Session, attachment: Attachment, frame: bytes) -> None:
        """Handle one message of a client; whatever is wrong with it is told to that client alone."""
        session.touch()
        try:
            message = parse(frame, max_bytes=self._max_frame_bytes)
        except errors.ProtocolFault as error:
            _refuse(session, attachment, bytes(request_id_of(error) or b"null"), error)
            return
        try:
            self._dispatch(session, attachment, message)
        except errors.LumiLinkError as error:
            if message.kind is MessageKind.REQUEST:
                _refuse(session, attachment, message.raw_id, error)
            else:
                _notify(session, attachment, error)

    def end(self, session: Session) -> None:
        """The session is closed: what runs and what waits is over, for the clients and for the agent."""
        self._prompting.end(session)
        closed = errors.RequestCancelledError("the session was closed")
        for question in session.questions.open():
            if question.is_suspended:
                continue
            with contextlib.suppress(errors.LumiLinkError):  # an agent that is gone need not be told
                self._port.send(compose.error_response(msgspec.Raw(question.agent_id), closed))
        self._deciding.end(session)

    def _dispatch(self, session: Session, attachment: Attachment, message: Envelope) -> None:
        if attachment.role is Role.OBSERVER:
            said = message.method or "an answer"
            raise errors.ObserverError(f"{said}: this client observes the session, and changes nothing in it")
        if message.kind is MessageKind.REQUEST:
            self._request(session, attachment, message)
        elif message.kind is MessageKind.NOTIFICATION:
            self._notification(session, attachment, message)
        else:
            self._deciding.answer(session, attachment.client, message)

    # ------------------------------------------------------------------ requests

    def _request(self, session: Session, attachment: Attachment, message: Envelope) -> None:
        if message.method == "session/prompt":
            self._prompting.prompt(session, attachment, message)
        elif message.method == automating.METHOD:
            self._automating.request(session, attachment, message)
        elif message.method in ("session/close", "session/delete"):
            self._close(session, attachment, message)
        else:
            self._forward(session, attachment, message)

    def _forward(self, session: Session, attachment: Attachment, message: Envelope) -> None:
        asker = Asker(attachment.client, message.raw_id)
        if asker in self._calls:
            raise errors.InvalidRequestError(f"id {message.id!r}: a request with this id is still open")

        def told(outcome: Envelope | errors.LumiLinkError) -> None:
            timer.cancel()
            self._calls.pop(asker, None)
            if message.method in choices.METHODS:
                _note_choice(session, message, outcome)
            session.answer(asker, _answer_frame(outcome, session, asker.request_id))

        error = errors.AgentTimeoutError(f"no answer to {message.method} in {self._request_timeout_s:g} s")
        # The call's number is known only after the send, so the timer reads it from the table.
        timer = self._context.after(self._request_timeout_s, RequestOverdue(asker, error))
        self._calls[asker] = 0
        if self._port.is_connected and self._comeback.is_over:
            self._send(session, asker, message, told)
        else:
            waiting = self._send_when_there(session, asker, message, told)
            self._context.run(waiting, name="wake the agent")

    def _send(
        self,
        session: Session,
        asker: Asker,
        message: Envelope,
        told: Callable[[Envelope | errors.LumiLinkError], None],
    ) -> None:
        number = self._port.forward(message, (session.session_id, session.agent_id), told)
        if asker in self._calls:
            self._calls[asker] = number

    async def _send_when_there(
        self,
        session: Session,
        asker: Asker,
        message: Envelope,
        told: Callable[[Envelope | errors.LumiLinkError], None],
    ) -> None:
        try:
            await self._comeback.reach()
        except errors.LumiLinkError as error:
            if asker in self._calls:
                told(error)
            return
        if asker in self._calls:
            self._send(session, asker, message, told)

    def overdue(self, message: RequestOverdue) -> None:
        """A request's deadline: end it with an error, unless the answer came."""
        number = self._calls.get(message.asker)
        if number is not None:
            self._port.settle(number, message.error)

    # ------------------------------------------------------------------ the rest

    def _notification(self, session: Session, attachment: Attachment, message: Envelope) -> None:
        if message.method == "session/cancel":
            self._prompting.cancel(session, message)
        elif message.method == "$/cancel_request":
            params = params_of(message, CancelRequestParams)
            self._cancel_request(session, Asker(attachment.client, bytes(params.request_id)))
        else:
            self._port.send(rewrite.with_session(message.frame, session.session_id, session.agent_id))

    def _cancel_request(self, session: Session, asker: Asker) -> None:
        if self._prompting.cancel_one(session, asker):
            return
        turn = session.turns.running
        number = turn.call if turn is not None and asker in turn.askers else self._calls.get(asker)
        if number:
            self._port.send(compose.notification("$/cancel_request", {"requestId": number}))


def _note_choice(session: Session, request: Envelope, outcome: Envelope | errors.LumiLinkError) -> None:
    """A mode or an option that an agent took is set again when it begins anew."""
    if isinstance(outcome, Envelope) and outcome.kind is MessageKind.RESPONSE:
        with contextlib.suppress(errors.InvalidParamsError):  # the agent knows a way to say it that we do not
            session.choices.choose(request)
            session.stream.save()


def _refuse(session: Session, attachment: Attachment, request_id: bytes, error: errors.LumiLinkError) -> None:
    count_fault(error)
    refusal = compose.error_response(msgspec.Raw(request_id), error)
    attachment.say(request_id, refusal, session.stream.last_seq)


def _notify(session: Session, attachment: Attachment, error: errors.LumiLinkError) -> None:
    """Only a request can be answered, so what is wrong with anything else travels as a notice."""
    of = notices.notice(NoticeKind.REFUSED, why=error.detail)
    message = notices.frame(session.session_id, of, {"message": error.detail, **error.data()})
    attachment.say(b"", message, session.stream.last_seq)


def _answer_frame(outcome: Envelope | errors.LumiLinkError, session: Session, request_id: bytes) -> bytes:
    """The agent's answer as the client gets it: under the client's id, with our name of the session."""
    client_id = msgspec.Raw(request_id)
    if isinstance(outcome, errors.RequestCancelledError):
        return compose.response(client_id, CANCELLED)
    if isinstance(outcome, errors.LumiLinkError):
        count_fault(outcome)
        return compose.error_response(client_id, outcome)
    try:
        frame = rewrite.with_id(outcome, client_id)
    except errors.ParseError as error:  # nested so deep that it cannot be taken apart
        bad = errors.AgentProtocolError(error.detail)
        count_fault(bad)
        return compose.error_response(client_id, bad)
    if outcome.kind is MessageKind.RESPONSE and session.agent_id.encode() in frame:
        with contextlib.suppress(errors.ProtocolFault):  # it is named elsewhere in the result
            frame = rewrite.with_result_session(frame, session.agent_id, session.session_id)
    return frame
