"""The prompts of one session: the turn that runs, those that wait for it, those that are over."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec

from actors import errors
from actors.automation.order import Order, Wish
from actors.connection.events import Asker
from actors.connection.record import REMEMBERED, EndedTurn, EndedTurns
from actors.metrics.catalogue import TURNS
from actors.metrics.faults import count_fault
from actors.metrics.meters import meters
from actors.protocol import compose
from actors.protocol.envelope import Envelope

MAX_WAITING = 16
MAX_REMEMBERED = 128


class TurnEnd(StrEnum):
    """How a turn ended."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    """The agent answered with an error."""
    INTERRUPTED = "interrupted"
    """The agent or its worker went away in the middle."""
    NEVER_STARTED = "never-started"
    """The agent never saw the prompt."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a turn. ``answer`` is the JSON-RPC answer without its id: ``{"result":…}`` or an error."""

    end: TurnEnd
    answer: bytes

    @classmethod
    def of_error(cls, end: TurnEnd, error: errors.LumiLinkError) -> Outcome:
        """An outcome that is an error of ours."""
        count_fault(error)
        members = msgspec.json.decode(compose.error_response(0, error), type=dict[str, msgspec.Raw])
        return cls(end, msgspec.json.encode({"error": members["error"]}))

    def frame(self, request_id: bytes) -> bytes:
        """The answer to the request with this id."""
        return b'{"jsonrpc":"2.0","id":%s,%s' % (request_id, self.answer[1:])

    def note(self, turn: int) -> bytes:
        """The event of the turn's end."""
        return b'{"turn":%d,"outcome":"%s","answer":%s}' % (turn, self.end.encode(), self.answer)


class _Note(msgspec.Struct):
    outcome: TurnEnd
    answer: msgspec.Raw


def outcome_of(note: bytes) -> Outcome:
    """The outcome that the event of a turn's end tells."""
    told = msgspec.json.decode(note, type=_Note)
    return Outcome(told.outcome, bytes(told.answer))


CANCELLED: Final = Outcome(TurnEnd.CANCELLED, b'{"result":{"stopReason":"cancelled"}}')


class Answered(msgspec.Struct, frozen=True):
    """A turn that its agent has ended: with which outcome, and what automation was asked for."""

    outcome: Outcome
    order: Order

    def packed(self) -> bytes:
        """As a session's record holds it."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def unpacked(cls, packed: bytes) -> Answered | None:
        """None where there is none."""
        return msgspec.msgpack.decode(packed, type=cls) if packed else None


@dataclass(slots=True, eq=False)
class Turn:
    """One ``session/prompt``. ``askers`` are told its outcome; ``call`` is its id at the agent.

    ``prompt`` is let go once the turn is over: prompts carry images, and outcomes are remembered for long.
    ``context`` is what its agent is told first, as it has not heard it. ``wish`` is what its prompt says of
    automation; once the agent has ``answered``, it is that which the turn's end waits for.
    The turn has an ``outcome`` once it is over, or, if that was in another process, ``ended_seq`` says which
    event tells it.
    """

    prompt: Envelope | None
    askers: list[Asker]
    prompt_id: str | None = None
    number: int = 0
    call: int | None = None
    outcome: Outcome | None = None
    ended_seq: int = 0
    cancel_asked: bool = False
    context: str = field(default="", repr=False)
    wish: Wish = field(default_factory=Wish)
    answered: Answered | None = None
    first: Asker = field(init=False)

    def __post_init__(self) -> None:
        self.first = self.askers[0]

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.outcome is not None or self.ended_seq > 0


class Turns:
    """At most one turn runs; later prompts wait in order. A repeated ``promptId`` joins its first turn."""

    __slots__ = ("_by_asker", "_by_prompt_id", "_waiting", "count", "ended", "running")

    def __init__(self, count: int = 0, ended: EndedTurns | None = None) -> None:
        self.running: Turn | None = None
        self.count = count
        self.ended = ended or {}
        """The turns that were over last, as a session's record holds them."""
        self._waiting: deque[Turn] = deque()
        self._by_prompt_id: dict[str, Turn] = {}
        self._by_asker: dict[Asker, Turn] = {}
        known = [(one, client) for client, turns in self.ended.items() for one in turns]
        for one, client in sorted(known, key=lambda pair: pair[0].seq):
            asker = Asker(client, one.request_id)
            self.remember(Turn(None, [asker], one.prompt_id, ended_seq=one.seq))

    @property
    def waiting(self) -> int:
        """How many prompts wait."""
        return len(self._waiting)

    def join(self, prompt_id: str | None, asker: Asker) -> Turn | None:
        """The turn that already bears ``prompt_id``, now also told to ``asker``; None if it is new.

        The last 128 prompts are remembered.
        """
        turn = self._by_prompt_id.get(prompt_id) if prompt_id is not None else None
        if turn is not None and not turn.is_over:
            turn.askers.append(asker)
            self._by_asker[asker] = turn
        return turn

    def asked_by(self, asker: Asker) -> Turn | None:
        """The turn that answers this very request; None if it never came, or is forgotten."""
        return self._by_asker.get(asker)

    def add(self, turn: Turn) -> int:
        """Queue a turn; returns its place, 0 meaning that it may run now.

        Raises PromptQueueFullError where 16 prompts wait.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise errors.PromptQueueFullError(f"{MAX_WAITING} prompts wait for the running turn")
        self.remember(turn)
        if self.running is None:
            self.running = turn
            return 0
        self._waiting.append(turn)
        return len(self._waiting)

    def begin(self, turn: Turn) -> int:
        """Number the turn that runs now: 1, 2, … over the session's whole life."""
        self.count += 1
        turn.number = self.count
        return turn.number

    def go_on_with(self, turn: Turn) -> None:
        """A turn that another process began runs on here."""
        self.remember(turn)
        self.running = turn

    def finish(self, turn: Turn, outcome: Outcome) -> Turn | None:
        """Note the end of a turn; returns the next one if ``turn`` was the running one."""
        turn.outcome = outcome
        turn.prompt = None
        if not turn.number:
            # It never entered the conversation; of the others their end tells.
            meters().count(TURNS, outcome.end.value)
        if outcome.end is TurnEnd.NEVER_STARTED:
            # The agent never saw it: a client that repeats it, as it was told to, shall not hear this again.
            self._forget(turn)
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

    def note_end(self, turn: Turn, seq: int) -> None:
        """The event ``seq`` tells the outcome of a turn that had begun."""
        turn.ended_seq = seq
        if turn.outcome is not None and turn.outcome.end is TurnEnd.NEVER_STARTED:
            return  # forgotten, see ``finish``
        for asker in turn.askers:
            self.ended.setdefault(asker.client, []).append(EndedTurn(turn.prompt_id, asker.request_id, seq))
        while sum(map(len, self.ended.values())) > REMEMBERED:
            oldest = min(self.ended, key=lambda client: self.ended[client][0].seq)
            del self.ended[oldest][0]
            if not self.ended[oldest]:
                del self.ended[oldest]

    def remember(self, turn: Turn) -> None:
        """Keep a turn, so that it is found by its prompt's id and by its request."""
        before = self._by_asker.pop(turn.first, None)
        if before is not None:
            self._forget(before)
        self._by_asker[turn.first] = turn
        if turn.prompt_id is not None:
            self._by_prompt_id[turn.prompt_id] = turn
        if len(self._by_asker) > MAX_REMEMBERED:
            oldest = next((old for old in self._by_asker.values() if old.is_over), None)
            if oldest is not None:
                self._forget(oldest)

    def _forget(self, turn: Turn) -> None:
        for asker in turn.askers:
            if self._by_asker.get(asker) is turn:
                del self._by_asker[asker]
        if turn.prompt_id is not None and self._by_prompt_id.get(turn.prompt_id) is turn:
            del self._by_prompt_id[turn.prompt_id]
