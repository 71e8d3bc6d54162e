"""Answers to what an agent asks: given by a client, over HTTP, or by nobody in time.

A decision is in the journal before the agent hears it, and so is made once, whoever makes it. Where the link
to the agent broke meanwhile, it waits for the agent to be back and to ask again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from actors import errors
from actors.automation.messages import AskApproval
from actors.connection.automating import permission
from actors.connection.messages import (
    AskedAgainOverdue,
    DecideQuestion,
    QuestionExpired,
    QuestionView,
    TellAgent,
)
from actors.connection.notices import NoticeKind, notice
from actors.connection.port import AgentPort
from actors.connection.questions import Decision, DecisionState, Question
from actors.connection.session import Session
from actors.kernel.actor import ActorContext
from actors.protocol import compose
from actors.protocol.envelope import Envelope, parse
from actors.protocol.members import split

log = logging.getLogger("lumilink.connection")

RETRY_S: Final = 0.2
ASK_AGAIN_S: Final = 10.0
"""An agent that is back and remembers its session asks again within so much time, or not at all."""

SAFE_ANSWERS: Final[dict[str, dict[str, object]]] = {
    "session/request_permission": {"outcome": {"outcome": "cancelled"}},
    "elicitation/create": {"action": "cancel"},
}
"""What an agent is told where nobody decided: never an approval. To all else it gets an error."""

_NO_ID: Final = msgspec.Raw(b"null")


def _nobody(_key: str, _answer: bytes) -> None:
    """No run has asked."""


class Deciding:
    """Settles the questions of one connection's sessions.

    ``call_back`` is called when there is a decision that an agent which is away should be told; ``tell_run``
    gets the answers to what runs of the automation asked, by their keys.
    """

    def __init__(
        self,
        context: ActorContext,
        port: AgentPort,
        question_ttl_s: float,
        call_back: Callable[[], None],
        tell_run: Callable[[str, bytes], None] = _nobody,
    ) -> None:
        self._context = context
        self._port = port
        self._question_ttl_s = question_ttl_s
        self._call_back = call_back
        self._tell_run = tell_run

    def ask(self, session: Session, request: Envelope) -> None:
        """The agent asks. Raises MailboxFullError where 256 questions are open."""
        known = session.questions.asked_again(request)
        if known is not None:
            self._tell_agent(session, known.question_id)
            return
        self._expect(session, session.ask(request))

    def ask_for_run(self, session: Session, asking: AskApproval) -> None:
        """A run of the session's automation asks. Where it cannot be asked, it was not approved."""
        if any(one.run == asking.key for one in session.questions.open()):
            return
        try:
            question = session.ask(parse(permission(session, asking)))
        except errors.MailboxFullError:
            self._tell_run(asking.key, b"{}")
            return
        question.run = asking.key
        self._expect(session, question)

    def _expect(self, session: Session, question: Question) -> None:
        expiry = QuestionExpired(session.session_id, question.question_id)
        self._context.after(self._question_ttl_s, expiry)

    def answer(self, session: Session, client: str, message: Envelope) -> None:
        """A client's answer. Raises QuestionUnknownError for one that comes too late."""
        answer = split(message.frame)
        question = session.questions.answer(message.id)
        said = answer.get("result", answer.get("error", _NO_ID))
        self._settle(session, Decision(question, DecisionState.ANSWERED, answer), client, said)

    def decide(self, session: Session, message: DecideQuestion) -> None:
        """An answer that came over HTTP: the result of the agent's request. Raises QuestionUnknownError."""
        question = session.questions.answer(message.question_id)
        if not question.is_shared:
            session.questions.add(question)
            raise errors.InvalidParamsError(
                f"{question.method} is done by a client; only permissions and elicitations can be decided"
            )
        said = msgspec.Raw(message.result)
        answer = split(compose.response(_NO_ID, said))
        self._settle(session, Decision(question, DecisionState.ANSWERED, answer), "", said)

    def expire(self, session: Session, message: QuestionExpired) -> None:
        """Nobody decided in time."""
        try:
            question = session.questions.answer(message.question_id)
        except errors.QuestionUnknownError:
            return
        safe = SAFE_ANSWERS.get(question.method)
        if safe is None:
            late = errors.RequestCancelledError(f"no client answered in {self._question_ttl_s:g} s")
            frame = compose.error_response(_NO_ID, late)
        else:
            frame = compose.response(_NO_ID, safe)
        self._settle(session, Decision(question, DecisionState.EXPIRED, split(frame)), "", None)

    # ------------------------------------------------------------------ to the agent

    def tell_again(self, session: Session, message: TellAgent) -> None:
        """The agent did not read a moment ago."""
        self._tell_agent(session, message.question_id)

    def _settle(self, session: Session, decision: Decision, by: str, said: msgspec.Raw | None) -> None:
        question = decision.question
        session.questions.decide(decision)

        def committed() -> None:
            decision.committed = True
            self._tell_agent(session, question.question_id)

        session.decided(question, decision.state, by, said, committed)
        if question.is_suspended and not self._port.is_connected:
            self._call_back()

    def _tell_agent(self, session: Session, question_id: str) -> None:
        """Send what must not get lost: where the agent does not read, a little later."""
        decision = session.questions.untold(question_id)
        if decision is None or not decision.committed or decision.question.is_suspended:
            return
        if decision.question.run:
            session.questions.told(decision)
            self._tell_run(decision.question.run, msgspec.json.encode(decision.answer))
            return
        try:
            self._port.send(decision.frame)
        except errors.MailboxFullError:
            self._context.after(RETRY_S, TellAgent(session.session_id, question_id))
            return
        except errors.AgentClosedError:
            return  # we are about to be told that it is away
        except errors.LumiLinkError as error:
            log.warning("a decision does not reach the agent: %s", error)
        session.questions.told(decision)
        if decision.is_kept:
            session.stream.save()

    # ------------------------------------------------------------------ an agent that comes and goes

    def agent_away(self, session: Session) -> None:
        """The agent is away. What it may ask again when it is back stays open, all else is void.

        Doing it twice is no harm.
        """
        _void(session, session.questions.suspend())
        if not self._port.may_remember:
            self.give_up(session)

    def agent_back(self, session: Session, *, remembers: bool) -> None:
        """The agent is back: it asks again soon, unless it has forgotten the session."""
        if remembers:
            overdue = AskedAgainOverdue(session.session_id, session.questions.absences)
            self._context.after(ASK_AGAIN_S, overdue)
        else:
            self.give_up(session)

    def asked_again_overdue(self, session: Session, message: AskedAgainOverdue) -> None:
        """It has had its time to ask again, if it has not been away once more."""
        if message.absences == session.questions.absences:
            self.give_up(session)

    def end(self, session: Session) -> None:
        """Nobody will ask or be told any more."""
        _void(session, session.questions.suspend())
        self.give_up(session)

    def give_up(self, session: Session) -> None:
        """The agent will not ask again what it asked before it was away: whoever answered is told."""
        questions, decisions = session.questions.take_suspended()
        _void(session, questions)
        for decision in decisions:
            if decision.state is DecisionState.ANSWERED:
                unheard = notice(NoticeKind.ANSWER_UNHEARD)
                session.notice(unheard, questionId=decision.question.question_id)
        if decisions:
            session.stream.save()


def _void(session: Session, questions: Iterable[Question]) -> None:
    for question in questions:
        session.decided(question, DecisionState.VOID)


def views(questions: Iterable[Question]) -> list[QuestionView]:
    """The questions that can be decided, as a list over HTTP shows them."""
    return [
        QuestionView(one.question_id, one.method, bytes(split(one.message)["params"]))
        for one in questions
        if one.is_shared
    ]
