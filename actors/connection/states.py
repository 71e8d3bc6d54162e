"""The states of a connection, as a table. What is not in the table is refused.

The names are those of both data models: ``connected``, ``degraded``, ``error`` and ``reconnecting`` are
shared, ``connecting`` and ``rolled-back`` come from the connection record, ``disconnected`` from the
connection entity.
"""

from __future__ import annotations

from enum import StrEnum

from actors import errors


class ConnectionState(StrEnum):
    """Where our link to an agent stands."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DEGRADED = "degraded"
    ERROR = "error"
    RECONNECTING = "reconnecting"
    ROLLED_BACK = "rolled-back"
    DISCONNECTED = "disconnected"


_S = ConnectionState

TRANSITIONS: dict[ConnectionState, frozenset[ConnectionState]] = {
    _S.CONNECTING: frozenset({_S.CONNECTED, _S.ERROR, _S.ROLLED_BACK, _S.DISCONNECTED}),
    _S.CONNECTED: frozenset({_S.DEGRADED, _S.ERROR, _S.ROLLED_BACK, _S.DISCONNECTED}),
    _S.DEGRADED: frozenset({_S.CONNECTED, _S.ERROR, _S.ROLLED_BACK, _S.DISCONNECTED}),
    _S.ERROR: frozenset({_S.RECONNECTING, _S.ROLLED_BACK, _S.DISCONNECTED}),
    _S.RECONNECTING: frozenset({_S.CONNECTED, _S.ERROR, _S.ROLLED_BACK, _S.DISCONNECTED}),
    _S.ROLLED_BACK: frozenset({_S.CONNECTING, _S.DISCONNECTED}),
    _S.DISCONNECTED: frozenset({_S.CONNECTING}),
}


def check(now: ConnectionState, then: ConnectionState) -> ConnectionState:
    """``then``, if the table allows it after ``now``; raises InternalError if not."""
    if then not in TRANSITIONS[now]:
        raise errors.InternalError(f"a connection cannot go from {now} to {then}")
    return then
