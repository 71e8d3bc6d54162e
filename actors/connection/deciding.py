"""Answers to what an agent asks: given by a client, over HTTP, or by nobody in time.

A decision is in the journal before the agent hears it, and so is made once, whoever makes it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

import msgspec

from actors import errors
from actors.connection.messages import DecideQuestion, QuestionExpired, QuestionView, TellAgent
from actors.connection.port import AgentPort
from actors.connection.questions import DecisionState, Question
from actors.connection.session import Session
from actors.kernel.actor import ActorContext
from actors.protocol import compose, rewrite
from actors.protocol.envelope import Envelope
from actors.protocol.members import split

log = logging.getLogger("lumilink.connection")

RETRY_S: Final = 0.2

SAFE_ANSWERS: Final[dict[str, dict[str, object]]] = {
    "session/request_permission": {"outcome": {"outcome": "cancelled"}},
    "elicitation/create": {"action": "cancel"},
}
"""What an agent is told where nobody decided: never an approval. To all else it gets an error."""


class Deciding:
    """Settles the questions of one connection's sessions."""

    def __init__(self, context: ActorContext, port: AgentPort, question_ttl_s: float) -> None:
        self._context = context
        self._port = port
        self._question_ttl_s = question_ttl_s

    def ask(self, session: Session, request: Envelope) -> None:
        """The agent asks. Raises MailboxFullError where 256 questions are open."""
        question = session.ask(request)
        expiry = QuestionExpired(session.session_id, question.question_id)
        self._context.after(self._question_ttl_s, expiry)

    def answer(self, session: Session, client: str, message: Envelope) -> None:
        """A client's answer. Raises QuestionUnknownError for one that comes too late."""
        question = session.questions.answer(message.id)
        frame = rewrite.with_id(message, msgspec.Raw(question.agent_id))
        members = split(message.frame)
        said = members.get("result", members.get("error", msgspec.Raw(b"null")))
        self._settle(session, question, DecisionState.ANSWERED, frame, client, said)

    def decide(self, session: Session, message: DecideQuestion) -> None:
        """An answer that came over HTTP: the result of the agent's request. Raises QuestionUnknownError."""
        question = session.questions.answer(message.question_id)
        if not question.is_shared:
            session.questions.add(question)
            raise errors.InvalidParamsError(
                f"{question.method} is done by a client; only permissions and elicitations can be decided"
            )
        said = msgspec.Raw(message.result)
        frame = compose.response(msgspec.Raw(question.agent_id), said)
        self._settle(session, question, DecisionState.ANSWERED, frame, "", said)

    def expire(self, session: Session, message: QuestionExpired) -> None:
        """Nobody decided in time."""
        try:
            question = session.questions.answer(message.question_id)
        except errors.QuestionUnknownError:
            return
        agent_id, safe = msgspec.Raw(question.agent_id), SAFE_ANSWERS.get(question.method)
        if safe is None:
            late = errors.RequestCancelledError(f"no client answered in {self._question_ttl_s:g} s")
            frame = compose.error_response(agent_id, late)
        else:
            frame = compose.response(agent_id, safe)
        self._settle(session, question, DecisionState.EXPIRED, frame, "", None)

    def tell_agent(self, message: TellAgent) -> None:
        """Send what must not get lost: where the agent does not read, a little later."""
        try:
            self._port.send(message.frame)
        except errors.MailboxFullError:
            self._context.after(RETRY_S, message)
        except errors.LumiLinkError as error:
            log.info("a decision does not reach the agent: %s", error)

    def _settle(
        self,
        session: Session,
        question: Question,
        state: DecisionState,
        frame: bytes,
        client: str,
        said: msgspec.Raw | None,
    ) -> None:
        session.decided(question, state, client, said, lambda: self.tell_agent(TellAgent(frame)))


def views(questions: Iterable[Question]) -> list[QuestionView]:
    """The questions that can be decided, as a list over HTTP shows them."""
    return [
        QuestionView(one.question_id, one.method, bytes(split(one.message)["params"]))
        for one in questions
        if one.is_shared
    ]
