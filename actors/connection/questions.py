"""Requests of the agent that await a client's answer: permissions, files, terminals, elicitations.

An agent whose link breaks may ask again once it is reached anew, under another id: its old one means nothing
on the new link. Until then what it asked is *suspended*: it can be decided, and the decision waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from msgspec import Raw

from actors import errors
from actors.connection.record import UntoldAnswer
from actors.connection.replayed import digest
from actors.protocol.envelope import Envelope
from actors.protocol.members import Members, split

MAX_QUESTIONS = 256

SHARED_PREFIXES = ("session/request_permission", "elicitation/")
"""Questions that any client may answer. All others have effects on the side of the client that
answers (files, terminals), so they are asked of one client only."""


class DecisionState(StrEnum):
    """Why a question needs no answer any more."""

    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"
    """The agent cancelled its request."""
    EXPIRED = "expired"
    VOID = "void"
    """The agent that asked is gone, or the session is."""


@dataclass(slots=True)
class Question:
    """One open request of the agent.

    ``message`` is what clients get; ``agent_id`` its id at the agent, as JSON text, empty while it is
    suspended; ``seq`` its event. ``asked`` is the client that was asked, if it was one alone and there was
    one; else empty. ``digest`` tells what is asked where the message is not there any more.
    ``run`` is the key of the automation's run that asks, where it is not the agent.
    """

    question_id: str
    agent_id: bytes
    method: str
    message: bytes
    seq: int
    asked: str = ""
    digest: bytes = b""
    run: str = ""

    @property
    def is_shared(self) -> bool:
        """Whether every attached client is asked, the first answer winning."""
        return is_shared(self.method)

    @property
    def is_suspended(self) -> bool:
        """Whether the agent that asked is away."""
        return not self.agent_id

    def suspend(self) -> None:
        """The agent that asked is away, and its id for the question with it."""
        self.agent_id = b""

    def is_asked_by(self, request: Envelope) -> bool:
        """Whether the agent asks the same thing again."""
        return self.method == request.method and self.wanted == _wanted(request.frame)

    @property
    def wanted(self) -> bytes:
        """A digest of what is asked, the same whenever it is."""
        return self.digest or _wanted(self.message)


@dataclass(slots=True)
class Decision:
    """What was decided, until the agent has been told. ``answer`` is the JSON-RPC answer but for its id.

    The agent may be told once the journal has the decision: once it is ``committed``.
    """

    question: Question
    state: DecisionState
    answer: Members
    committed: bool = False

    @property
    def frame(self) -> bytes:
        """The answer, under the id that the agent's request has now."""
        return msgspec.json.encode({**self.answer, "id": Raw(self.question.agent_id)})

    @property
    def is_kept(self) -> bool:
        """Whether it outlives this process: what nobody decided is decided anew, if it is asked again."""
        is_answered = self.state is DecisionState.ANSWERED
        return is_answered and self.question.is_shared and not self.question.run


def is_shared(method: str) -> bool:
    """Whether every attached client is asked, the first answer winning."""
    return method.startswith(SHARED_PREFIXES)


class Questions:
    """The questions of one session that are open, oldest first, and the decisions that are untold.

    ``absences`` counts how often the agent was away.
    """

    __slots__ = ("_open", "_session_id", "_untold", "absences", "count")

    def __init__(self, session_id: str, count: int = 0, untold: Iterable[UntoldAnswer] = ()) -> None:
        self._session_id = session_id
        self.count = count
        self.absences = 0
        self._open: dict[str, Question] = {}
        self._untold: dict[str, Decision] = {}
        for one in untold:
            question = Question(one.question_id, b"", one.method, b"", 0, digest=one.asked)
            self.decide(Decision(question, DecisionState.ANSWERED, split(one.answer), committed=True))

    def __len__(self) -> int:
        return len(self._open)

    def next_id(self) -> str:
        """An id that no other question has, over all sessions. Raises MailboxFullError at 256 open ones."""
        if len(self._open) + len(self._untold) >= MAX_QUESTIONS:
            raise errors.MailboxFullError(f"{MAX_QUESTIONS} requests of the agent await an answer")
        self.count += 1
        return f"{self._session_id}/q{self.count}"

    def add(self, question: Question) -> None:
        """Keep a question until it is answered."""
        self._open[question.question_id] = question

    def answer(self, question_id: object) -> Question:
        """Take the question that is answered. Raises QuestionUnknownError for a second answer."""
        question = self._open.pop(question_id, None) if isinstance(question_id, str) else None
        if question is None:
            raise errors.QuestionUnknownError(
                "nobody waits for this answer: it was given already, or never asked"
            )
        return question

    def withdraw(self, agent_id: bytes) -> Question | None:
        """The agent no longer wants the answer to its request ``agent_id``."""
        for question in self._open.values():
            if question.agent_id == agent_id and not question.run:
                return self._open.pop(question.question_id)
        return None

    def open(self) -> tuple[Question, ...]:
        """All that is open, oldest first."""
        return tuple(self._open.values())

    # ------------------------------------------------------------------ decisions

    @property
    def has_untold(self) -> bool:
        """Whether the agent has yet to be told of a decision."""
        return bool(self._untold)

    def decide(self, decision: Decision) -> None:
        """Keep a decision until the agent has been told."""
        self._untold[decision.question.question_id] = decision

    def untold(self, question_id: str) -> Decision | None:
        """The decision on a question that the agent has not been told of."""
        return self._untold.get(question_id)

    def told(self, decision: Decision) -> None:
        """The agent has been told."""
        self._untold.pop(decision.question.question_id, None)

    def untold_answers(self) -> tuple[UntoldAnswer, ...]:
        """What clients decided and the agent has not been told of, for the record."""
        return tuple(
            UntoldAnswer(key, one.question.method, one.question.wanted, msgspec.json.encode(one.answer))
            for key, one in self._untold.items()
            if one.is_kept
        )

    # ------------------------------------------------------------------ while the agent is away

    def suspend(self) -> list[Question]:
        """The agent is away: nothing that it asked has an id any more.

        Returns what only one client can do, which is not open any more: it has an effect, and nobody is there
        who could use it.
        """
        self.absences += 1
        left = [question for question in self._open.values() if not question.is_shared]
        for question in left:
            del self._open[question.question_id]
        self._untold = {key: one for key, one in self._untold.items() if one.question.is_shared}
        for question in (*self._open.values(), *(one.question for one in self._untold.values())):
            if not question.run:
                question.suspend()
        return left

    def asked_again(self, request: Envelope) -> Question | None:
        """The suspended question that the agent asks again; it has an id again. None if it is a new one."""
        decided = (decision.question for decision in self._untold.values())
        for question in (*self._open.values(), *decided):
            if question.is_suspended and question.is_asked_by(request):
                question.agent_id = request.raw_id
                return question
        return None

    def take_suspended(self) -> tuple[list[Question], list[Decision]]:
        """The agent will not ask again: what was still open, and what it was not told of."""
        questions = [one for one in self._open.values() if one.is_suspended]
        decisions = [one for one in self._untold.values() if one.question.is_suspended]
        for question in questions:
            del self._open[question.question_id]
        for decision in decisions:
            del self._untold[decision.question.question_id]
        return questions, decisions


def _wanted(request: bytes) -> bytes:
    return digest(split(request).get("params", b"null"))
