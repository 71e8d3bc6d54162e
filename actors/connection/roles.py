"""What a client is in a session: one of those that drive it, or one that only observes it.

An observer is shown all that a driver is shown. What it says in the session changes nothing there: its
requests and answers are refused, and the agent is told nothing of them.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

from actors.protocol.envelope import Envelope, params_of


class Role(StrEnum):
    """Which of both; a client that does not say drives."""

    DRIVER = "driver"
    OBSERVER = "observer"


class _Ours(Struct):
    role: Role = Role.DRIVER
    turns: bool = False
    status: bool = False


class _Meta(Struct):
    lumilink: _Ours | None = None


class _Params(Struct):
    meta: _Meta | None = field(default=None, name="_meta")


def role_of(request: Envelope) -> Role:
    """``_meta.lumilink.role`` of a request that attaches a client. Raises InvalidParamsError for another."""
    return _ours_of(request).role


def wants_turns(request: Envelope) -> bool:
    """``_meta.lumilink.turns``: whether it is to be told of turns, see ``turn_notices.py``."""
    return _ours_of(request).turns


def wants_status(request: Envelope) -> bool:
    """``_meta.lumilink.status``: whether it is to be told of the live status, see ``status/``."""
    return _ours_of(request).status


def _ours_of(request: Envelope) -> _Ours:
    meta = params_of(request, _Params).meta
    return (meta.lumilink if meta is not None else None) or _Ours()
