"""Requests of ours that the agent has not answered yet."""

from __future__ import annotations

from collections.abc import Callable

from actors import errors
from actors.protocol.envelope import Envelope

MAX_CALLS = 512

OnOutcome = Callable[[Envelope | errors.LumiLinkError], None]


class AgentCalls:
    """Numbers our requests and finds who waits for an answer. Answers are told in the order they come."""

    __slots__ = ("_last", "_waiting")

    def __init__(self) -> None:
        self._last = 0
        self._waiting: dict[int, OnOutcome] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, number: object) -> bool:
        return number in self._waiting

    def start(self, on_outcome: OnOutcome) -> int:
        """A fresh id for a request. ``on_outcome`` is called once: with the answer, or an error.

        Raises MailboxFullError where 512 requests are unanswered.
        """
        if len(self._waiting) >= MAX_CALLS:
            raise errors.MailboxFullError(f"the agent has {MAX_CALLS} requests unanswered")
        self._last += 1
        self._waiting[self._last] = on_outcome
        return self._last

    def settle(self, number: object, outcome: Envelope | errors.LumiLinkError) -> bool:
        """Tell who waits for ``number``; false if nobody does. An agent may spell 1 as 1.0."""
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        on_outcome = self._waiting.pop(number, None) if isinstance(number, int) else None
        if on_outcome is None:
            return False
        on_outcome(outcome)
        return True

    def fail_all(self, error: errors.LumiLinkError) -> None:
        """The agent is gone: everyone who waits gets ``error``."""
        waiting, self._waiting = self._waiting, {}
        for on_outcome in waiting.values():
            on_outcome(error)
