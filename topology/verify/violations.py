"""What can be wrong with a history."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Rule(StrEnum):
    """A promise that a history breaks."""

    UNREADABLE = "unreadable"
    """An entry is none that a session writes."""
    SEQ = "seq"
    """The entries' seqs have no hole and no double."""
    CURSOR = "cursor"
    """A message bears the seq of its entry, and the name of its session."""
    NOT_ACTIVATED = "not-activated"
    """Whoever writes to a stream says first under which fence."""
    FENCE_FELL = "fence-fell"
    """The fences of a stream never fall."""
    FENCE_SHARED = "fence-shared"
    """Two lives of workers never hold one fence of a workspace."""
    TURN_NUMBER = "turn-number"
    """Turns are numbered 1, 2, 3, …"""
    TURN_OVERLAP = "turn-overlap"
    """A turn starts after the one before it has ended."""
    TURN_NOT_ENDED = "turn-not-ended"
    """Each turn that started has an end."""
    TURN_NOT_STARTED = "turn-not-started"
    """Each end belongs to a turn that started."""
    TURN_ENDED_TWICE = "turn-ended-twice"
    """No turn has two ends."""
    PROMPT_OUTSIDE_TURN = "prompt-outside-turn"
    """A prompt enters the conversation in its turn."""
    PROMPT_RUN_TWICE = "prompt-run-twice"
    """A ``promptId`` runs once; only where the agent never saw it may it come again."""
    QUESTION_ASKED_TWICE = "question-asked-twice"
    """A question has an id of its own."""
    QUESTION_UNKNOWN = "question-unknown"
    """What is decided was asked before."""
    QUESTION_DECIDED_TWICE = "question-decided-twice"
    """The first decision stands."""

    SESSION_MISSING = "session-missing"
    """A session that an agent or a client had is in the journal."""
    AGENT_LOST = "agent-lost"
    """Each update that the agent said is in the journal."""
    AGENT_DOUBLED = "agent-doubled"
    """None is there more often than it was said."""
    AGENT_REORDERED = "agent-reordered"
    """They stand in the order in which they were said."""
    AGENT_INVENTED = "agent-invented"
    """None is there that the agent did not say."""
    AGENT_TOLD_TWICE = "agent-told-twice"
    """The agent gets a ``promptId`` once."""
    AGENT_TOLD = "agent-told"
    """What the agent was told agrees with how the turn ended."""

    CLIENT_LOST = "client-lost"
    """A client is shown all that happened after its cursor, and all of that before an answer."""
    CLIENT_DOUBLED = "client-doubled"
    """A view shows nothing twice."""
    CLIENT_REORDERED = "client-reordered"
    """A view shows what happened in its order."""
    CLIENT_INVENTED = "client-invented"
    """A client is shown only what is committed, and is meant for it."""
    CLIENT_ALTERED = "client-altered"
    """A client is shown the committed bytes."""
    UNANSWERED = "unanswered"
    """A prompt gets an answer."""
    ANSWERED_TWICE = "answered-twice"
    """A request gets one answer."""
    OUTCOME_DIFFERS = "outcome-differs"
    """All answers to a ``promptId`` tell the outcome that the journal has."""


class Violation(Struct, frozen=True):
    """A promise broken in ``session`` at ``seq``, which is 0 for what has no place in the stream."""

    rule: Rule
    session: str
    seq: int
    expected: str
    found: str

    def line(self) -> str:
        """The violation in one line."""
        return f"{self.session} {self.seq} {self.rule}: expected {self.expected}, found {self.found}"
