"""The states of a connection, as a table. What is not in the table is refused.

The names are those of both data models: ``connected``, ``degraded``, ``error`` and ``reconnecting`` are
shared, ``connecting`` and ``rolled-back`` come from the connection record, ``disconnected`` from the
connection entity. From every state one may go to ``rolled-back`` and to ``disconnected``, and a lost agent
is an ``error`` first. ``docs/connection-states.md`` is drawn from the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from actors import errors


class ConnectionState(StrEnum):
    """Where our link to an agent stands."""

    CONNECTING = "connecting"
    """Dialled for the first time, or again after it was let go."""
    CONNECTED = "connected"
    DEGRADED = "degraded"
    """In use, but slow, or failing more often than it should."""
    ERROR = "error"
    """The link broke, could not be made, or failed too often."""
    RECONNECTING = "reconnecting"
    """Dialled again after an error."""
    ROLLED_BACK = "rolled-back"
    """Not used: the workspace reaches its agents over HTTP."""
    DISCONNECTED = "disconnected"
    """Let go, or not dialled yet."""


_S = ConnectionState

TRANSITIONS: Final[Mapping[ConnectionState, frozenset[ConnectionState]]] = MappingProxyType(
    {
        _S.CONNECTING: frozenset({_S.CONNECTED, _S.ERROR, _S.ROLLED_BACK, _S.DISCONNECTED}),
        _S.CONNECTED: frozenset({_S.DEGRADED, _S.ERROR, _S.ROLLED_BACK, _S.DISCONNECTED}),
        _S.DEGRADED: frozenset({_S.CONNECTED, _S.ERROR, _S.ROLLED_BACK, _S.DISCONNECTED}),
        _S.ERROR: frozenset({_S.RECONNECTING, _S.ROLLED_BACK, _S.DISCONNECTED}),
        _S.RECONNECTING: frozenset({_S.CONNECTED, _S.ERROR, _S.ROLLED_BACK, _S.DISCONNECTED}),
        _S.ROLLED_BACK: frozenset({_S.CONNECTING, _S.DISCONNECTED}),
        _S.DISCONNECTED: frozenset({_S.CONNECTING, _S.ROLLED_BACK}),
    }
)


def check(now: ConnectionState, then: ConnectionState) -> ConnectionState:
    """``then``, if the table allows it after ``now``; raises InternalError if not."""
    if then not in TRANSITIONS[now]:
        raise errors.InternalError(f"a connection cannot go from {now} to {then}")
    return then
