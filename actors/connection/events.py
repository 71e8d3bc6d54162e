"""What happens in a session, in order: the entries of its event stream."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct


class EventKind(StrEnum):
    """What an event is, and so which attachments are shown it."""

    UPDATE = "update"
    """A notification of the agent: shown to all."""
    PROMPT = "prompt"
    """What a client said, as an update: shown to all but the one that said it."""
    QUESTION = "question"
    """A request of the agent: asked of its audience."""
    ANSWER = "answer"
    """The answer to a client's request: for that client alone."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who waits for an answer: an attachment, and the id of its request, as JSON text."""

    attachment: int
    request_id: bytes


class Event(Struct, frozen=True, gc=False):
    """One entry. ``message`` is the JSON-RPC message as a client gets it, cursor included.

    ``seq`` counts from 1 without a hole within one epoch of the session's stream. ``concerns`` is the
    attachment that a PROMPT came from, or that an ANSWER or a QUESTION is for (None: everyone).
    """

    seq: int
    kind: EventKind
    message: bytes
    concerns: int | None = None
    request_id: bytes = b""
