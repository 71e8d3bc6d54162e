"""What an entry of a session's stream says, read as far as the rules need it."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from actors.connection.events import Event, EventKind, from_entry
from actors.connection.turns import TurnEnd
from actors.journal.contract import Entry


class Shown(Struct, frozen=True):
    """A message with a place in the conversation. ``session`` and ``cursor`` are None where it names none.

    ``update`` is the content of a ``session/update``.
    """

    seq: int
    message: bytes
    session: str | None
    cursor: int | None
    update: Raw | UnsetType


class Update(Shown, frozen=True):
    """Said by the agent."""


class Prompt(Shown, frozen=True):
    """Said by the connection ``client``."""

    client: str


class Question(Struct, frozen=True):
    """Asked by the agent."""

    seq: int
    question_id: str


class Decision(Struct, frozen=True):
    """A question is settled."""

    seq: int
    question_id: str


class TurnStarted(Struct, frozen=True):
    """A prompt's turn has come."""

    seq: int
    turn: int
    prompt_id: str | None


class TurnEnded(Struct, frozen=True):
    """A turn is over; ``answer`` holds the ``result`` or the ``error``."""

    seq: int
    turn: int
    outcome: TurnEnd
    answer: object


class Activated(Struct, frozen=True):
    """The life ``worker`` took the session on."""

    seq: int
    worker: str
    fence: int


class Changed(Struct, frozen=True):
    """The connection to the agent, or the protocol that carries the session, is another now."""

    seq: int


class Notice(Struct, frozen=True):
    """Everyone who was there was told something."""

    seq: int


class Unreadable(Struct, frozen=True):
    """An entry that no session writes, and what is wrong with it; its content is not told."""

    seq: int
    kind: str
    why: str


Fact: TypeAlias = (
    Update
    | Prompt
    | Question
    | Decision
    | TurnStarted
    | TurnEnded
    | Activated
    | Changed
    | Notice
    | Unreadable
)


class _Ours(Struct):
    seq: int | None = None


class _Meta(Struct):
    lumilink: _Ours = msgspec.field(default_factory=_Ours)


class _ShownParams(Struct):
    session_id: str | None = msgspec.field(default=None, name="sessionId")
    meta: _Meta = msgspec.field(default_factory=_Meta, name="_meta")
    update: Raw | UnsetType = UNSET


class _ShownMessage(Struct):
    params: _ShownParams = msgspec.field(default_factory=_ShownParams)


class _QuestionMessage(Struct):
    id: str


class _DecisionParams(Struct):
    request_id: str = msgspec.field(name="requestId")


class _DecisionMessage(Struct):
    params: _DecisionParams


class _StartNote(Struct, rename="camel"):
    turn: int
    prompt_id: str | None = None


class _EndNote(Struct):
    turn: int
    outcome: TurnEnd
    answer: dict[str, object]


class _ActivationNote(Struct):
    worker: str
    fence: int


_shown: Final = msgspec.json.Decoder(_ShownMessage).decode
_question: Final = msgspec.json.Decoder(_QuestionMessage).decode
_decision: Final = msgspec.json.Decoder(_DecisionMessage).decode
_start: Final = msgspec.json.Decoder(_StartNote).decode
_end: Final = msgspec.json.Decoder(_EndNote).decode
_activation: Final = msgspec.json.Decoder(_ActivationNote).decode


def read_fact(entry: Entry) -> Fact:
    """What ``entry`` says; Unreadable where it is none of a session's entries."""
    try:
        return _read(from_entry(entry))
    except (ValueError, RecursionError) as error:  # msgspec's and the codecs' errors are ValueErrors
        return Unreadable(entry.seq, entry.kind, type(error).__name__)


def _read(event: Event) -> Fact:
    seq, message = event.seq, event.message
    match event.kind:
        case EventKind.UPDATE | EventKind.PROMPT:
            return _read_shown(event)
        case EventKind.QUESTION:
            return Question(seq, _question(message).id)
        case EventKind.DECISION:
            return Decision(seq, _decision(message).params.request_id)
        case EventKind.TURN_STARTED:
            start = _start(message)
            return TurnStarted(seq, start.turn, start.prompt_id)
        case EventKind.TURN_ENDED:
            end = _end(message)
            return TurnEnded(seq, end.turn, end.outcome, end.answer)
        case EventKind.ACTIVATED:
            note = _activation(message)
            return Activated(seq, note.worker, note.fence)
        case EventKind.CONNECTION | EventKind.PROTOCOL | EventKind.ANSWERED:
            return Changed(seq)
        case EventKind.NOTICE:
            return Notice(seq)


def _read_shown(event: Event) -> Update | Prompt:
    params = _shown(event.message).params
    told = (event.seq, event.message, params.session_id, params.meta.lumilink.seq, params.update)
    return Update(*told) if event.kind is EventKind.UPDATE else Prompt(*told, event.concerns)
