"""Requests of the agent that await a client's answer: permissions, files, terminals, elicitations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from actors import errors

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

    ``message`` is what clients get; ``agent_id`` its id at the agent, as JSON text; ``seq`` its event.
    ``asked`` is the client that was asked, if it was one alone and there was one; else empty.
    """

    question_id: str
    agent_id: bytes
    method: str
    message: bytes
    seq: int
    asked: str = ""

    @property
    def is_shared(self) -> bool:
        """Whether every attached client is asked, the first answer winning."""
        return is_shared(self.method)


def is_shared(method: str) -> bool:
    """Whether every attached client is asked, the first answer winning."""
    return method.startswith(SHARED_PREFIXES)


class Questions:
    """The open questions of one session, oldest first."""

    __slots__ = ("_open", "_session_id", "count")

    def __init__(self, session_id: str, count: int = 0) -> None:
        self._session_id = session_id
        self.count = count
        self._open: dict[str, Question] = {}

    def __len__(self) -> int:
        return len(self._open)

    def next_id(self) -> str:
        """An id that no other question has, over all sessions. Raises MailboxFullError at 256 open ones."""
        if len(self._open) >= MAX_QUESTIONS:
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
            if question.agent_id == agent_id:
                return self._open.pop(question.question_id)
        return None

    def open(self) -> tuple[Question, ...]:
        """All that is open, oldest first."""
        return tuple(self._open.values())

    def take_all(self) -> tuple[Question, ...]:
        """The agent that asked is gone: nothing is open any more."""
        taken = self.open()
        self._open.clear()
        return taken
