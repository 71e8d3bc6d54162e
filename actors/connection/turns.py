"""The prompts of one session: the turn that runs, those that wait for it, those that are over."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from actors import errors
from actors.connection.events import Asker
from actors.protocol.envelope import Envelope

MAX_WAITING = 16
MAX_REMEMBERED = 128


@dataclass(slots=True, eq=False)
class Turn:
    """One ``session/prompt``. ``askers`` are told its outcome; ``call`` is its id at the agent.

    ``prompt`` is let go once the turn is over: prompts carry images, and outcomes are remembered for long.
    """

    prompt: Envelope | None
    askers: list[Asker]
    prompt_id: str | None = None
    call: int | None = None
    outcome: Envelope | errors.LumiLinkError | None = None
    cancel_asked: bool = False


class Turns:
    """At most one turn runs; later prompts wait in order. A repeated ``promptId`` joins its first turn."""

    __slots__ = ("_remembered", "_waiting", "running")

    def __init__(self) -> None:
        self.running: Turn | None = None
        self._waiting: deque[Turn] = deque()
        self._remembered: dict[str, Turn] = {}

    @property
    def waiting(self) -> int:
        """How many prompts wait."""
        return len(self._waiting)

    def join(self, prompt_id: str | None, asker: Asker) -> Turn | None:
        """The turn that already bears ``prompt_id``, now also told to ``asker``; None if it is new.

        The last 128 prompts are remembered.
        """
        turn = self._remembered.get(prompt_id) if prompt_id is not None else None
        if turn is not None and turn.outcome is None:
            turn.askers.append(asker)
        return turn

    def add(self, turn: Turn) -> int:
        """Queue a turn; returns its place, 0 meaning that it may run now.

        Raises PromptQueueFullError where 16 prompts wait.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise errors.PromptQueueFullError(f"{MAX_WAITING} prompts wait for the running turn")
        self._remember(turn)
        if self.running is None:
            self.running = turn
            return 0
        self._waiting.append(turn)
        return len(self._waiting)

    def finish(self, turn: Turn, outcome: Envelope | errors.LumiLinkError) -> Turn | None:
        """Note the end of a turn; returns the next one if ``turn`` was the running one."""
        turn.outcome = outcome
        turn.prompt = None
        never_ran = turn.call is None and not isinstance(outcome, Envelope | errors.RequestCancelledError)
        if never_ran and turn.prompt_id is not None:
            # The agent never saw it: a client that repeats it, as it was told to, shall not hear this again.
            self._remembered.pop(turn.prompt_id, None)
        if turn is not self.running:
            return None
        self.running = self._waiting.popleft() if self._waiting else None
        return self.running

    def drop_waiting(self) -> list[Turn]:
        """Take out everything that waits, in order."""
        dropped = list(self._waiting)
        self._waiting.clear()
        return dropped

    def drop(self, asker: Asker) -> Turn | None:
        """Take out the turn that waits for ``asker``; None if there is none."""
        turn = next((turn for turn in self._waiting if asker in turn.askers), None)
        if turn is not None:
            self._waiting.remove(turn)
        return turn

    def _remember(self, turn: Turn) -> None:
        if turn.prompt_id is None:
            return
        self._remembered[turn.prompt_id] = turn
        if len(self._remembered) > MAX_REMEMBERED:
            for prompt_id, old in self._remembered.items():
                if old.outcome is not None:
                    del self._remembered[prompt_id]
                    break
