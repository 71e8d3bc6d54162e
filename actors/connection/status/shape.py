"""What a session's live status says, as clients and ``GET /api/v1/sessions/{id}/status`` get it.

What is not known is left out. Times are in milliseconds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from actors.protocol import compose

METHOD: Final = "_lumilink/status"


class TurnState(StrEnum):
    """What a session is about."""

    IDLE = "idle"
    RUNNING = "running"
    WAITING = "waiting"
    """The turn waits for a person."""


class LinkStatus(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The link to the agent. ``last_heard_ms``: how long ago the agent said anything."""

    state: str
    protocol: str
    latency_p95_ms: float | None = None
    last_heard_ms: int | None = None


class TurnStatus(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The turn that runs, or the number of the last one. ``started_at`` is ISO 8601 in UTC."""

    state: TurnState
    number: int | None = None
    started_at: str | None = None
    elapsed_ms: int | None = None


class ToolCalls(Struct, frozen=True):
    """The tool calls of a turn. Those that failed are done, too."""

    done: int
    running: int


class Progress(Struct, frozen=True, rename="camel", omit_defaults=True):
    """How far a turn is: steps of the agent's plan, where it told one, and what it is at."""

    completed: int | None = None
    total: int | None = None
    current: str | None = None
    tool_calls: ToolCalls | None = None


class Estimate(Struct, frozen=True, rename="camel"):
    """How long a turn may go on: as likely shorter as longer than ``remaining_ms``, and in four cases of
    five between ``low_ms`` and ``high_ms``. ``basis`` turns of the workspace say so.
    """

    remaining_ms: int
    low_ms: int
    high_ms: int
    basis: int


class Cost(Struct, frozen=True):
    """What the session has cost so far; ``currency`` as in ISO 4217."""

    amount: float
    currency: str


class Usage(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What the agent reports: tokens and cost of the whole session, and how many tokens its context holds."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    context_used: int | None = None
    context_size: int | None = None
    cost: Cost | None = None


class SessionStatus(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """All of it, ``at`` one moment (ISO 8601 in UTC)."""

    session_id: str
    at: str
    connection: LinkStatus
    turn: TurnStatus
    progress: Progress | None = None
    estimate: Estimate | None = None
    usage: Usage | None = None


def frame(status: SessionStatus) -> bytes:
    """The notification that clients get."""
    return compose.notification(METHOD, status)
