"""What the journal keeps of a session beside its events: enough to go on with it in another process."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeAlias

import msgspec

from actors import errors
from actors.connection.carriage import Carriage
from actors.connection.choices import Choice
from actors.connection.status.times import TurnTook

REMEMBERED = 32
"""So many outcomes of prompts are found again by another process."""


class OpenTurn(msgspec.Struct, frozen=True, array_like=True):
    """A turn that has begun and has not ended.

    ``answered`` is what ``Answered`` packs, where the agent has ended it and automation follows.
    """

    number: int
    prompt_id: str | None
    client: str
    request_id: bytes
    answered: bytes = b""


class EndedTurn(msgspec.Struct, frozen=True, array_like=True):
    """A turn that has ended, as one client asked for it; its outcome is the event ``seq``."""

    prompt_id: str | None
    request_id: bytes
    seq: int


EndedTurns: TypeAlias = dict[str, list[EndedTurn]]
"""By the connection of the client that asked, oldest first. Its id is long and there are few of them."""


class OpenQuestion(msgspec.Struct, frozen=True, array_like=True):
    """A question that nobody has decided."""

    question_id: str
    method: str
    asked: str


class UntoldAnswer(msgspec.Struct, frozen=True, array_like=True):
    """A question that was answered, which the agent has not been told yet.

    ``asked`` tells what was asked, by a digest; ``answer`` is the JSON-RPC answer.
    """

    question_id: str
    method: str
    asked: bytes
    answer: bytes


class SessionRecord(msgspec.Struct, frozen=True):
    """The state of a session at its newest commit.

    ``setup`` is the result of ``session/new`` as the client got it, ``initialize`` the params of the client's
    own ``initialize``, ``sealed`` what ``surroundings_of`` told, which holds secrets. A closed session stays
    in the journal and is not opened again. ``user`` is who opened it, or what it was forked from; empty where
    nobody in particular did. ``cut_off``: the agent, or we, went away in a turn, and it has not been asked
    yet what it said meanwhile. ``automated`` is the newest entry of the automations that it was told of,
    ``took`` how long its last turns took.
    """

    installation: str
    workspace_id: str
    session_id: str
    agent_id: str
    cwd: str
    setup: bytes
    initialize: bytes
    sealed: bytes
    title: str | None
    updated_at: str
    closed: bool = False
    cut_off: bool = False
    turns: int = 0
    questions: int = 0
    turn: OpenTurn | None = None
    ended: EndedTurns = msgspec.field(default_factory=dict)
    asked: tuple[OpenQuestion, ...] = ()
    choices: tuple[Choice, ...] = ()
    untold: tuple[UntoldAnswer, ...] = ()
    carriage: Carriage = msgspec.field(default_factory=Carriage)
    user: str = ""
    automated: int = 0
    took: tuple[TurnTook, ...] = ()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SessionRecord)


def encode(record: SessionRecord) -> bytes:
    """The record as the journal keeps it."""
    return _encoder.encode(record)


def decode(meta: bytes | None) -> SessionRecord:
    """The record that the journal kept. Raises SessionNotFoundError for what is none."""
    try:
        return _decoder.decode(meta or b"")
    except msgspec.MsgspecError:
        raise errors.SessionNotFoundError("the journal has no record of the session") from None


def now_iso() -> str:
    """This moment, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
