"""Prompts, from the client's request to its one outcome.

A prompt is in the journal before the agent gets it, and its outcome before the client does. So whoever
takes the session up after a crash knows of every prompt whether it ran, and what came of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import msgspec

from actors import errors
from actors.automation.order import Wish
from actors.connection.attachment import Attachment
from actors.connection.automating import Automating, left, wish_of
from actors.connection.carrying import Carrying, asks_for_login
from actors.connection.comeback import Comeback
from actors.connection.events import Asker
from actors.connection.messages import CancelOverdue
from actors.connection.port import AgentPort
from actors.connection.recall import Recall
from actors.connection.record import OpenTurn
from actors.connection.recount import preceded
from actors.connection.session import Session
from actors.connection.turns import CANCELLED, Answered, Outcome, Turn, TurnEnd
from actors.kernel.actor import ActorContext
from actors.migration.contract import SampleKind
from actors.protocol import compose, rewrite
from actors.protocol.envelope import Envelope, MessageKind, params_of
from actors.protocol.members import split
from actors.protocol.models import PromptParams

SETTLE_S: Final = 30.0
FAILURES_IN_A_ROW: Final = 3
"""After so many turns that failed one after the other ACP is given up, where there is something else."""


class Prompting:
    """Runs the prompts of one connection's sessions, one at a time in each.

    ``on_stuck`` is called before a turn is ended of which an agent made nothing, even when it was cancelled.
    ``on_between`` is called between two turns: what is done there comes before the next one.
    """

    def __init__(
        self,
        context: ActorContext,
        port: AgentPort,
        carrying: Carrying,
        comeback: Comeback,
        recall: Recall,
        automating: Automating,
        cancel_grace_s: float,
        on_stuck: Callable[[errors.LumiLinkError], None],
        on_between: Callable[[], None],
    ) -> None:
        self._context = context
        self._port = port
        self._carrying = carrying
        self._comeback = comeback
        self._recall = recall
        self._automating = automating
        self._cancel_grace_s = cancel_grace_s
        self._on_stuck = on_stuck
        self._on_between = on_between
        self._failures = 0

    def prompt(self, session: Session, attachment: Attachment, message: Envelope) -> None:
        """Take a prompt: start it, queue it, or, where it was said before, join it.

        Raises PromptQueueFullError, JournalBehindError and InvalidParamsError.
        """
        params = params_of(message, PromptParams)
        asker = Asker(attachment.client, message.raw_id)
        prompt_id = _prompt_id(params)
        joined = session.turns.join(prompt_id, asker)
        if joined is not None:
            self._repeat(session, joined, asker)
            return
        if session.stream.is_full:
            raise errors.JournalBehindError("too much waits for the journal", 1.0)
        turn = Turn(message, [asker], prompt_id, wish=_wish(params))
        place = session.turns.add(turn)
        if place == 0:
            self._start(session, turn)
        else:
            queued = {"sessionId": session.session_id, "place": place}
            attachment.say(b"", compose.notification("_lumilink/queued", queued), session.stream.last_seq)

    def owes(self, session: Session, asker: Asker) -> bool:
        """Whether a client that is back waits for an outcome that it will not be told unless it is now.

        Of an end that is not committed yet it will be told when it is.
        """
        turn = session.turns.asked_by(asker)
        return turn is None or (turn.is_over and turn.ended_seq <= session.history.last_seq)

    def recover(self, session: Session, asker: Asker) -> None:
        """Tell a client that is back what came of a prompt that was not answered when it lost us."""
        turn = session.turns.asked_by(asker)
        if turn is not None:
            self._repeat(session, turn, asker)
            return
        # It may repeat one that has an outcome: nothing is said of that, only that this request was lost.
        error = errors.LinkBrokenError("the prompt was lost on its way to the session; send it again")
        session.tell_outcome((asker,), Outcome.of_error(TurnEnd.NEVER_STARTED, error))

    def cancel(self, session: Session, message: Envelope) -> None:
        """``session/cancel``: what waits is cancelled, and what runs at the agent, if that can be told."""
        self._drop_waiting(session)
        turn = session.turns.running
        if turn is None:
            return
        if turn.answered is not None:
            self._finish(session, turn, left(turn.answered))
            return
        if turn.call is None:
            self._finish(session, turn, CANCELLED)
            return
        if not turn.cancel_asked:
            turn.cancel_asked = True
            self._context.after(self._cancel_grace_s, CancelOverdue(turn.call))
        self._port.send(rewrite.with_session(message.frame, session.session_id, session.agent_id))

    def cancel_one(self, session: Session, asker: Asker) -> bool:
        """``$/cancel_request`` for a prompt that the agent does not have yet; false if there is none."""
        turn = session.turns.drop(asker)
        running = session.turns.running
        if turn is None and running is not None and asker in running.askers:
            if running.answered is not None:
                self._finish(session, running, left(running.answered))
                return True
            turn = running if running.call is None else None
        if turn is not None:
            self._finish(session, turn, CANCELLED)
        return turn is not None

    def cancel_overdue(self, message: CancelOverdue) -> None:
        """The agent had its time: unless it ended the turn, the turn is ended without it."""
        error: errors.LumiLinkError = errors.RequestCancelledError("the agent did not end the turn")
        if message.stuck and self._port.awaits(message.call):
            error = errors.AgentClosedError("the agent was stuck in the turn and did not end it")
            self._on_stuck(error)
        self._port.settle(message.call, error)

    def unstick(self, session: Session) -> None:
        """The agent is stuck in its turn: cancel it, and if that does not help, end it without the agent."""
        turn = session.turns.running
        if turn is None or turn.call is None or turn.cancel_asked or turn.answered is not None:
            return
        turn.cancel_asked = True
        self._context.after(self._cancel_grace_s, CancelOverdue(turn.call, stuck=True))
        self._port.send(compose.notification("session/cancel", {"sessionId": session.agent_id}))

    def end(self, session: Session) -> None:
        """The session is closed: what runs and what waits is over."""
        self._drop_waiting(session)
        turn = session.turns.running
        if turn is None:
            return
        if turn.answered is not None:
            self._finish(session, turn, left(turn.answered))
            return
        if turn.call is None:
            self._finish(session, turn, CANCELLED)
            return
        with contextlib.suppress(errors.LumiLinkError):  # an agent that is gone need not be told
            self._port.send(compose.notification("session/cancel", {"sessionId": session.agent_id}))
        self._port.settle(turn.call, errors.RequestCancelledError("the session was closed"))

    def interrupt(self, session: Session, why: str) -> None:
        """The session leaves this worker: its turn ends here, what waits was never started."""
        again = Outcome.of_error(TurnEnd.NEVER_STARTED, errors.SessionMovedError(f"{why}; send it again"))
        for waiting in session.turns.drop_waiting():
            self._finish(session, waiting, again)
        turn = session.turns.running
        if turn is None:
            return
        if turn.answered is not None:
            self._finish(session, turn, left(turn.answered))
        elif turn.call is None:
            self._finish(session, turn, again)
        else:
            cut = Outcome.of_error(TurnEnd.INTERRUPTED, errors.TurnInterruptedError(why))
            self._finish(session, turn, cut)

    def finish_stored(self, session: Session, begun: OpenTurn | None) -> None:
        """Another process began a turn and is gone: nobody can end it any more but we.

        Where its agent had ended it, the turn goes on with what follows then.
        """
        if begun is None:
            return
        turn = Turn(None, [Asker(begun.client, begun.request_id)], begun.prompt_id, begun.number)
        turn.answered = Answered.unpacked(begun.answered)
        if turn.answered is not None:
            session.turns.go_on_with(turn)
            self._automate(session, turn, turn.answered)
            return
        turn.outcome = Outcome.of_error(
            TurnEnd.INTERRUPTED, errors.TurnInterruptedError("the worker of the session went away")
        )
        session.turns.remember(turn)
        session.end_turn(turn, turn.outcome)

    # ------------------------------------------------------------------ a turn

    def _start(self, session: Session, turn: Turn) -> None:
        """The turn has come. An agent that is away is brought back first, and says what we have missed."""
        if self._is_there and session.carriage.heard is None:
            self._begin(session, turn)
        else:
            self._context.run(self._start_when_there(session, turn), name="wake the agent")

    @property
    def _is_there(self) -> bool:
        return self._port.is_connected and self._comeback.is_over

    async def _start_when_there(self, session: Session, turn: Turn) -> None:
        try:
            while True:
                await self._comeback.reach()
                turn.context = await self._unheard(session)
                if self._is_there:
                    break
        except errors.LumiLinkError as error:
            if turn.outcome is None:
                self._finish(session, turn, Outcome.of_error(TurnEnd.NEVER_STARTED, error))
            return
        if turn.outcome is None:
            self._begin(session, turn)

    async def _unheard(self, session: Session) -> str:
        """What the agent has not heard of the conversation, all of which the journal has by then."""
        heard = session.carriage.heard
        if heard is None:
            return ""
        try:
            async with asyncio.timeout(SETTLE_S):
                await session.stream.settled()
        except TimeoutError:
            raise errors.JournalUnavailableError("the journal takes nothing now") from None
        return await self._recall.unheard(session, heard)

    def _begin(self, session: Session, turn: Turn) -> None:
        """The prompt enters the conversation now, not while the turn before it was still running."""
        assert turn.prompt is not None
        blocks = params_of(turn.prompt, PromptParams).prompt
        session.begin_turn(turn, blocks, lambda: self._send(session, turn))

    def _send(self, session: Session, turn: Turn) -> None:
        """The journal has the prompt: now the agent gets it."""
        if turn.outcome is not None:
            return
        assert turn.prompt is not None

        def told(outcome: Envelope | errors.LumiLinkError) -> None:
            if turn.outcome is not None:
                return
            if turn.call is None and isinstance(outcome, errors.LumiLinkError):
                # It never left us.
                self._finish(session, turn, Outcome.of_error(TurnEnd.NEVER_STARTED, outcome))
                return
            ended = _outcome(session, outcome)
            if ended.end is TurnEnd.COMPLETED:
                session.carriage.heard = None
            if isinstance(outcome, errors.LumiLinkError) or not asks_for_login(outcome):
                self._judge(ended)
            self._conclude(session, turn, ended)

        self._port.lodging.works()
        prompt = preceded(turn.prompt, turn.context) if turn.context else turn.prompt
        call = self._port.forward(prompt, (session.session_id, session.agent_id), told)
        if turn.outcome is None:
            turn.call = call

    def _judge(self, outcome: Outcome) -> None:
        """Take a turn that the agent had as a sample of how well it goes. A cancelled one says nothing."""
        if outcome.end is TurnEnd.CANCELLED:
            return
        ok = outcome.end is TurnEnd.COMPLETED
        self._carrying.note(SampleKind.TURN, ok=ok)
        self._failures = 0 if ok else self._failures + 1
        if self._failures >= FAILURES_IN_A_ROW:
            self._failures = 0
            count = FAILURES_IN_A_ROW
            self._comeback.leave(errors.AgentProtocolError(f"{count} turns failed one after the other"))

    def _conclude(self, session: Session, turn: Turn, ended: Outcome) -> None:
        """The agent has ended the turn: automation follows, if it should, and then the turn's end."""
        order = self._automating.order_of(session, turn, ended)
        if order is None:
            self._finish(session, turn, ended)
            return
        answered = Answered(ended, order)
        session.answer_turn(turn, answered, lambda: self._automate(session, turn, answered))

    def _automate(self, session: Session, turn: Turn, answered: Answered) -> None:
        if turn.outcome is not None:
            return
        with contextlib.suppress(errors.ActorStoppedError):  # then the turn is about to be interrupted
            self._context.run(self._automate_and_finish(session, turn, answered), name="automate a turn")

    async def _automate_and_finish(self, session: Session, turn: Turn, answered: Answered) -> None:
        outcome = await self._automating.carry_out(session, answered)
        if turn.outcome is None:
            self._finish(session, turn, outcome)

    def _finish(self, session: Session, turn: Turn, outcome: Outcome) -> None:
        following = session.turns.finish(turn, outcome)
        if outcome.end is TurnEnd.INTERRUPTED:
            session.cut_off = True
        if turn.number:
            session.end_turn(turn, outcome)
        else:
            session.tell_outcome(tuple(turn.askers), outcome)
        if turn.number:
            self._on_between()
        if following is not None:
            self._start(session, following)
        elif self._port.is_connected:
            self._port.lodging.rests()

    def _drop_waiting(self, session: Session) -> None:
        for turn in session.turns.drop_waiting():
            self._finish(session, turn, CANCELLED)

    def _repeat(self, session: Session, turn: Turn, asker: Asker) -> None:
        """Tell the outcome of a turn that is over; of one that is not, ``asker`` will be told."""
        if turn.outcome is not None:
            session.tell_outcome((asker,), turn.outcome)
        elif turn.ended_seq:
            self._context.run(self._look_up(session, turn, asker), name="look up an outcome")

    async def _look_up(self, session: Session, turn: Turn, asker: Asker) -> None:
        try:
            outcome = await self._recall.outcome(session, turn.ended_seq)
        except errors.LumiLinkError as error:
            outcome = Outcome.of_error(TurnEnd.FAILED, error)
        session.tell_outcome((asker,), outcome)


def _outcome(session: Session, answer: Envelope | errors.LumiLinkError) -> Outcome:
    """What the agent's answer to a prompt, or its absence, means."""
    if isinstance(answer, errors.RequestCancelledError):
        return CANCELLED
    if isinstance(answer, errors.AgentClosedError):
        return Outcome.of_error(TurnEnd.INTERRUPTED, errors.TurnInterruptedError(answer.detail))
    if isinstance(answer, errors.LumiLinkError):
        return Outcome.of_error(TurnEnd.FAILED, answer)
    frame = answer.frame
    try:
        if answer.kind is MessageKind.RESPONSE and session.agent_id.encode() in frame:
            with contextlib.suppress(errors.ProtocolFault):  # it is named elsewhere in the result
                frame = rewrite.with_result_session(frame, session.agent_id, session.session_id)
        members = split(frame)
    except (errors.ParseError, msgspec.DecodeError) as error:  # nested so deep that it cannot be taken apart
        bad = errors.AgentProtocolError(f"the agent's answer cannot be read: {type(error).__name__}")
        return Outcome.of_error(TurnEnd.FAILED, bad)
    if answer.kind is MessageKind.ERROR:
        return Outcome(TurnEnd.FAILED, msgspec.json.encode({"error": members["error"]}))
    end = TurnEnd.CANCELLED if _was_cancelled(members["result"]) else TurnEnd.COMPLETED
    return Outcome(end, msgspec.json.encode({"result": members["result"]}))


class _Result(msgspec.Struct, rename="camel"):
    stop_reason: str = ""


def _was_cancelled(result: msgspec.Raw) -> bool:
    try:
        return msgspec.json.decode(result, type=_Result).stop_reason == "cancelled"
    except msgspec.ValidationError:
        return False


class _OurMeta(msgspec.Struct, rename="camel"):
    prompt_id: str | None = None


class _Meta(msgspec.Struct):
    lumilink: _OurMeta = msgspec.field(default_factory=_OurMeta)


def _wish(params: PromptParams) -> Wish:
    """What the prompt says of automation."""
    return wish_of(bytes(params.meta)) if isinstance(params.meta, msgspec.Raw) else Wish()


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
