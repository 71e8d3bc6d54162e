"""What attached clients say in a session, and what becomes of it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

import msgspec

from actors import errors
from actors.connection.attachment import Attachment
from actors.connection.events import Asker
from actors.connection.messages import CancelOverdue, RequestOverdue
from actors.connection.port import AgentPort
from actors.connection.session import Session
from actors.connection.turns import Turn
from actors.kernel.actor import ActorContext
from actors.protocol import compose, rewrite
from actors.protocol.envelope import Envelope, MessageKind, params_of, parse, request_id_of
from actors.protocol.models import CancelRequestParams, PromptParams

log = logging.getLogger("lumilink.connection")

CANCELLED = {"stopReason": "cancelled"}


class ClientRequests:
    """Takes the frames of clients for the sessions of one connection."""

    def __init__(
        self,
        context: ActorContext,
        port: AgentPort,
        close: Callable[[Session, Attachment, Envelope], None],
        *,
        request_timeout_s: float,
        cancel_grace_s: float,
        max_frame_bytes: int,
    ) -> None:
        self._context = context
        self._port = port
        self._close = close
        self._request_timeout_s = request_timeout_s
        self._cancel_grace_s = cancel_grace_s
        self._max_frame_bytes = max_frame_bytes
        self._calls: dict[tuple[int, bytes], int] = {}

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
        closed = errors.RequestCancelledError("the session was closed")
        self._drop_waiting(session)
        turn = session.turns.running
        if turn is not None and turn.call is not None:
            self._tell_agent(compose.notification("session/cancel", {"sessionId": session.agent_id}))
            self._port.settle(turn.call, closed)
        for question in session.questions.open():
            self._tell_agent(compose.error_response(msgspec.Raw(question.agent_id), closed))
        session.questions.clear()

    def _dispatch(self, session: Session, attachment: Attachment, message: Envelope) -> None:
        if message.kind is MessageKind.REQUEST:
            self._request(session, attachment, message)
        elif message.kind is MessageKind.NOTIFICATION:
            self._notification(session, attachment, message)
        else:
            self._answer(session, message)

    def _tell_agent(self, frame: bytes) -> None:
        try:
            self._port.send(frame)
        except errors.LumiLinkError as error:
            log.debug("the agent is not told: %s", error)

    # ------------------------------------------------------------------ requests

    def _request(self, session: Session, attachment: Attachment, message: Envelope) -> None:
        if message.method == "session/prompt":
            self._prompt(session, attachment, message)
        elif message.method in ("session/close", "session/delete"):
            self._close(session, attachment, message)
        else:
            self._forward(session, attachment, message)

    def _forward(self, session: Session, attachment: Attachment, message: Envelope) -> None:
        asker = Asker(attachment.number, message.raw_id)
        key = (asker.attachment, asker.request_id)
        if key in self._calls:
            raise errors.InvalidRequestError(f"id {message.id!r}: a request with this id is still open")

        def told(outcome: Envelope | errors.LumiLinkError) -> None:
            timer.cancel()
            self._calls.pop(key, None)
            _tell_outcome(session, [asker], outcome)

        error = errors.AgentTimeoutError(f"no answer to {message.method} in {self._request_timeout_s:g} s")
        # The call's number is known only after the send, so the timer reads it from the table.
        timer = self._context.after(self._request_timeout_s, RequestOverdue(key, error))
        self._calls[key] = 0
        number = self._port.forward(message, (session.session_id, session.agent_id), told)
        if key in self._calls:
            self._calls[key] = number

    def overdue(self, message: RequestOverdue) -> None:
        """A request's deadline: end it with an error, unless the answer came."""
        number = self._calls.get(message.key)
        if number is not None:
            self._port.settle(number, message.error)

    # ------------------------------------------------------------------ turns

    def _prompt(self, session: Session, attachment: Attachment, message: Envelope) -> None:
        params = params_of(message, PromptParams)
        asker = Asker(attachment.number, message.raw_id)
        prompt_id = _prompt_id(params)
        joined = session.turns.join(prompt_id, asker)
        if joined is not None:
            if joined.outcome is not None:
                _tell_outcome(session, [asker], joined.outcome)
            return
        turn = Turn(message, [asker], prompt_id)
        place = session.turns.add(turn)
        if place == 0:
            self._start(session, turn)
        else:
            queued = {"sessionId": session.session_id, "place": place}
            attachment.say(b"", compose.notification("_lumilink/queued", queued), session.history.last_seq)

    def _start(self, session: Session, turn: Turn) -> None:
        """The prompt enters the conversation now, not while the turn before it was still running."""
        prompt = turn.prompt
        assert prompt is not None
        # Whoever asked last is the client that is there, should it have come back while the prompt waited.
        session.show_prompt(params_of(prompt, PromptParams).prompt, turn.askers[-1].attachment)

        def told(outcome: Envelope | errors.LumiLinkError) -> None:
            self._finish(session, turn, outcome)

        turn.call = self._port.forward(prompt, (session.session_id, session.agent_id), told)

    def _finish(self, session: Session, turn: Turn, outcome: Envelope | errors.LumiLinkError) -> None:
        following = session.turns.finish(turn, outcome)
        _tell_outcome(session, turn.askers, outcome)
        session.touch()
        if following is not None:
            self._start(session, following)

    def _drop_waiting(self, session: Session) -> None:
        for turn in session.turns.drop_waiting():
            self._finish(session, turn, errors.RequestCancelledError("cancelled before its turn came"))

    def _cancel(self, session: Session, message: Envelope) -> None:
        self._drop_waiting(session)
        turn = session.turns.running
        if turn is None or turn.call is None:
            return
        if not turn.cancel_asked:
            turn.cancel_asked = True
            self._context.after(self._cancel_grace_s, CancelOverdue(turn.call))
        self._port.send(rewrite.with_session(message.frame, session.session_id, session.agent_id))

    def _cancel_request(self, session: Session, asker: Asker) -> None:
        dropped = session.turns.drop(asker)
        if dropped is not None:
            self._finish(session, dropped, errors.RequestCancelledError("cancelled before its turn came"))
            return
        number = self._call_of(session, asker)
        if number is not None:
            self._port.send(compose.notification("$/cancel_request", {"requestId": number}))

    def cancel_overdue(self, message: CancelOverdue) -> None:
        """The agent had its time: unless it ended the turn, the turn is ended without it."""
        self._port.settle(message.call, errors.RequestCancelledError("the agent did not end the turn"))

    # ------------------------------------------------------------------ the rest

    def _notification(self, session: Session, attachment: Attachment, message: Envelope) -> None:
        if message.method == "session/cancel":
            self._cancel(session, message)
        elif message.method == "$/cancel_request":
            params = params_of(message, CancelRequestParams)
            self._cancel_request(session, Asker(attachment.number, bytes(params.request_id)))
        else:
            self._port.send(rewrite.with_session(message.frame, session.session_id, session.agent_id))

    def _answer(self, session: Session, message: Envelope) -> None:
        question = session.questions.answer(message.id)
        try:
            self._port.send(rewrite.with_id(message, msgspec.Raw(question.agent_id)))
        except errors.LumiLinkError:
            session.questions.add(question)  # the agent did not get it, so it still waits for an answer
            raise

    def _call_of(self, session: Session, asker: Asker) -> int | None:
        turn = session.turns.running
        if turn is not None and asker in turn.askers:
            return turn.call
        return self._calls.get((asker.attachment, asker.request_id))


class _OurMeta(msgspec.Struct, rename="camel"):
    prompt_id: str | None = None


class _Meta(msgspec.Struct):
    lumilink: _OurMeta = msgspec.field(default_factory=_OurMeta)


def _prompt_id(params: PromptParams) -> str | None:
    """``_meta.lumilink.promptId``: a repeat of a prompt with the same one does not run again."""
    if not isinstance(params.meta, msgspec.Raw) or bytes(params.meta) == b"null":
        return None
    try:
        prompt_id = msgspec.json.decode(params.meta, type=_Meta).lumilink.prompt_id
    except msgspec.ValidationError as error:
        raise errors.InvalidParamsError(f"params._meta.lumilink.promptId: {error}") from None
    if prompt_id is not None and not 1 <= len(prompt_id) <= 200:
        raise errors.InvalidParamsError("params._meta.lumilink.promptId: expected 1 to 200 characters")
    return prompt_id


def _refuse(session: Session, attachment: Attachment, request_id: bytes, error: errors.LumiLinkError) -> None:
    attachment.say(
        request_id, compose.error_response(msgspec.Raw(request_id), error), session.history.last_seq
    )


def _notify(session: Session, attachment: Attachment, error: errors.LumiLinkError) -> None:
    """Only a request can be answered, so what is wrong with anything else travels as a notice."""
    params = {"sessionId": session.session_id, "message": error.detail, **error.data()}
    attachment.say(b"", compose.notification("_lumilink/notice", params), session.history.last_seq)


def _tell_outcome(session: Session, askers: list[Asker], outcome: Envelope | errors.LumiLinkError) -> None:
    session.answer(
        askers, {asker.request_id: _answer_frame(outcome, session, asker.request_id) for asker in askers}
    )


def _answer_frame(outcome: Envelope | errors.LumiLinkError, session: Session, request_id: bytes) -> bytes:
    """The agent's answer as the client gets it: under the client's id, with our name of the session."""
    client_id = msgspec.Raw(request_id)
    if isinstance(outcome, errors.RequestCancelledError):
        return compose.response(client_id, CANCELLED)
    if isinstance(outcome, errors.LumiLinkError):
        return compose.error_response(client_id, outcome)
    try:
        frame = rewrite.with_id(outcome, client_id)
    except errors.ParseError as error:  # nested so deep that it cannot be taken apart
        return compose.error_response(client_id, errors.AgentProtocolError(error.detail))
    if outcome.kind is MessageKind.RESPONSE and session.agent_id.encode() in frame:
        with contextlib.suppress(errors.ProtocolFault):  # it is named elsewhere in the result
            frame = rewrite.with_result_session(frame, session.agent_id, session.session_id)
    return frame
