"""What attached clients say in a session, and what becomes of it."""

from __future__ import annotations

import contextlib
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
            self._dispatch(session, attachment, message)
        except errors.ProtocolFault as error:
            _refuse(session, attachment, bytes(request_id_of(error) or b"null"), error)

    def _dispatch(self, session: Session, attachment: Attachment, message: Envelope) -> None:
        if message.kind is MessageKind.NOTIFICATION:
            self._notification(session, attachment, message)
            return
        try:
            if message.kind is MessageKind.REQUEST:
                self._request(session, attachment, message)
            else:
                self._answer(session, message)
        except errors.LumiLinkError as error:
            if message.kind is MessageKind.REQUEST:
                _refuse(session, attachment, message.raw_id, error)
            else:
                # A response cannot be answered, so the error travels as a notice.
                params = {"sessionId": session.session_id, "message": error.detail, **error.data()}
                attachment.say(
                    b"", compose.notification("_lumilink/notice", params), session.history.last_seq
                )

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

        def told(outcome: Envelope | errors.LumiLinkError) -> None:
            timer.cancel()
            self._calls.pop(key, None)
            session.answer([asker], {asker.request_id: _answer_frame(outcome, session, asker.request_id)})

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
                frame = _answer_frame(joined.outcome, session, asker.request_id)
                attachment.say(asker.request_id, frame, session.history.last_seq)
            return
        turn = Turn(message, [asker], prompt_id)
        place = session.turns.add(turn)
        session.show_prompt(params.prompt, attachment.number)
        if place == 0:
            self._start(session, turn)
        else:
            queued = {"sessionId": session.session_id, "place": place}
            attachment.say(b"", compose.notification("_lumilink/queued", queued), session.history.last_seq)

    def _start(self, session: Session, turn: Turn) -> None:
        def told(outcome: Envelope | errors.LumiLinkError) -> None:
            self._finish(session, turn, outcome)

        turn.call = self._port.forward(turn.prompt, (session.session_id, session.agent_id), told)

    def _finish(self, session: Session, turn: Turn, outcome: Envelope | errors.LumiLinkError) -> None:
        following = session.turns.finish(turn, outcome)
        frames = {
            asker.request_id: _answer_frame(outcome, session, asker.request_id) for asker in turn.askers
        }
        session.answer(turn.askers, frames)
        session.touch()
        if following is not None:
            self._start(session, following)

    def _cancel(self, session: Session, message: Envelope) -> None:
        for turn in session.turns.drop_waiting():
            self._finish(session, turn, parse(compose.response(0, CANCELLED)))
        turn_now = session.turns.running
        if turn_now is not None and turn_now.call is not None:
            self._port.send(rewrite.with_session(message.frame, session.session_id, session.agent_id))
            self._context.after(self._cancel_grace_s, CancelOverdue(session.session_id, turn_now.call))

    def cancel_overdue(self, session: Session, message: CancelOverdue) -> None:
        """The agent did not end a cancelled turn in time: it is ended without it."""
        turn = session.turns.running
        if turn is not None and turn.call == message.call:
            self._port.settle(message.call, errors.RequestCancelledError("the agent did not end the turn"))

    # ------------------------------------------------------------------ the rest

    def _notification(self, session: Session, attachment: Attachment, message: Envelope) -> None:
        if message.method == "session/cancel":
            self._cancel(session, message)
        elif message.method == "$/cancel_request":
            params = params_of(message, CancelRequestParams)
            number = self._call_of(session, Asker(attachment.number, bytes(params.request_id)))
            if number is not None:
                self._port.send(compose.notification("$/cancel_request", {"requestId": number}))
        else:
            self._port.send(rewrite.with_session(message.frame, session.session_id, session.agent_id))

    def _answer(self, session: Session, message: Envelope) -> None:
        question = session.questions.answer(message.id)
        self._port.send(rewrite.with_id(message, msgspec.Raw(question.agent_id)))

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


def _answer_frame(outcome: Envelope | errors.LumiLinkError, session: Session, request_id: bytes) -> bytes:
    """The agent's answer as the client gets it: under the client's id, with our name of the session."""
    client_id = msgspec.Raw(request_id)
    if isinstance(outcome, errors.RequestCancelledError):
        return compose.response(client_id, CANCELLED)
    if isinstance(outcome, errors.LumiLinkError):
        return compose.error_response(client_id, outcome)
    frame = rewrite.with_id(outcome, client_id)
    if outcome.kind is MessageKind.RESPONSE and session.agent_id.encode() in frame:
        with contextlib.suppress(errors.InvalidParamsError):  # it is named elsewhere in the result
            frame = rewrite.with_result_session(frame, session.agent_id, session.session_id)
    return frame
