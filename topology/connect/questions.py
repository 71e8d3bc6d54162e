"""Requests of the gateway that the editor answers, over any number of connections.

After a reconnect the gateway asks again what it still has no answer to, under the same id. The editor is
shown each question once; what it answered already is answered for it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

MAX_ANSWERS: Final = 256
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024


class Asked(Enum):
    """What a question of the gateway is to the editor."""

    NEW = auto()
    PENDING = auto()
    ANSWERED = auto()


@dataclass(slots=True)
class _Question:
    # An id alone is not trusted: were it given out twice, an old answer would allow something new.
    digest: bytes
    is_asked_here: bool = True
    answer: bytes | None = None


class Questions:
    """All questions that the editor was shown and that may be asked again, by id as JSON text.

    An answer may be lost with its connection, so the last 256 of them (8 MiB) are kept.
    """

    def __init__(self) -> None:
        self._questions: dict[bytes, _Question] = {}

    def ask(self, raw_id: bytes, frame: bytes) -> Asked:
        """The gateway asks, on the connection that is there now."""
        digest = hashlib.blake2b(frame, digest_size=16).digest()
        known = self._questions.get(raw_id)
        if known is None or known.digest != digest:
            self._questions[raw_id] = _Question(digest)
            return Asked.NEW
        known.is_asked_here = True
        return Asked.PENDING if known.answer is None else Asked.ANSWERED

    def answer_to(self, raw_id: bytes) -> bytes:
        """The answer that the editor gave to an answered question."""
        return self._questions[raw_id].answer or b""

    def answer(self, raw_id: bytes, frame: bytes) -> bool:
        """The editor answers; whether that is to be sent now.

        It is not if nobody asked, if it is the second answer, or if the gateway has not asked on this
        connection: then it is sent when the gateway does.
        """
        question = self._questions.get(raw_id)
        if question is None or question.answer is not None:
            return False
        question.answer = frame
        # The newest answers are last.
        self._questions[raw_id] = self._questions.pop(raw_id)
        self._forget_oldest()
        return question.is_asked_here

    def withdraw(self, raw_id: bytes) -> None:
        """The gateway no longer wants an answer."""
        self._questions.pop(raw_id, None)

    def lost(self) -> None:
        """The connection ended; what is still open will be asked again on the next."""
        for question in self._questions.values():
            question.is_asked_here = False

    def _forget_oldest(self) -> None:
        answered = [raw_id for raw_id, question in self._questions.items() if question.answer is not None]
        size = sum(len(self.answer_to(raw_id)) for raw_id in answered)
        for raw_id in answered[:-1]:
            if len(answered) <= MAX_ANSWERS and size <= MAX_ANSWER_BYTES:
                return
            size -= len(self.answer_to(raw_id))
            answered = answered[1:]
            del self._questions[raw_id]
