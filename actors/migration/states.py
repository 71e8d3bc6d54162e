"""Where a workspace stands between ACP and HTTP, as a table. What is not in the table does not happen.

``docs/migration.md`` is drawn from the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from actors.protocol.agent_protocol import AgentProtocol


class ProtocolState(StrEnum):
    """Where a workspace stands."""

    ACP = "acp"
    """Sessions are carried over ACP; the last hour judges it."""
    MOVING = "moving"
    """On the way to ACP: new sessions are there already, the others come over between two turns."""
    HTTP = "http"
    """Sessions are carried over HTTP, as in the days before ACP; the rollout has not come to it yet."""
    ROLLED_BACK = "rolled-back"
    """Back on HTTP by itself, for a cool-down."""
    HALF_OPEN = "half-open"
    """On HTTP, while a share of the sessions tries ACP."""
    PINNED_HTTP = "pinned-http"
    """Back on HTTP by somebody's word, until somebody's word."""


class Change(StrEnum):
    """What brings a workspace from one state to another."""

    ADMITTED = "admitted"
    """The rollout has come to it."""
    RETURNED = "returned"
    """Somebody wants it on ACP, now or at the moment that was named."""
    MOVED = "moved"
    """No session of it is left that still has to come over."""
    BELOW_THRESHOLD = "below-threshold"
    """Too much of the last hour went badly."""
    PINNED = "pinned"
    """Somebody wants it on HTTP."""
    COOLED_DOWN = "cooled-down"
    """The cool-down is over."""
    PROBES_PASSED = "probes-passed"
    """What was tried meanwhile went well."""
    PROBES_FAILED = "probes-failed"
    """It did not: the next cool-down is twice as long."""


_S = ProtocolState
_C = Change

TRANSITIONS: Final[Mapping[ProtocolState, Mapping[Change, ProtocolState]]] = MappingProxyType(
    {
        _S.ACP: {_C.BELOW_THRESHOLD: _S.ROLLED_BACK, _C.PINNED: _S.PINNED_HTTP},
        _S.MOVING: {
            _C.MOVED: _S.ACP,
            _C.BELOW_THRESHOLD: _S.ROLLED_BACK,
            _C.PINNED: _S.PINNED_HTTP,
        },
        _S.HTTP: {_C.ADMITTED: _S.MOVING, _C.RETURNED: _S.MOVING, _C.PINNED: _S.PINNED_HTTP},
        _S.ROLLED_BACK: {
            _C.COOLED_DOWN: _S.HALF_OPEN,
            _C.RETURNED: _S.MOVING,
            _C.PINNED: _S.PINNED_HTTP,
        },
        _S.HALF_OPEN: {
            _C.PROBES_PASSED: _S.MOVING,
            _C.PROBES_FAILED: _S.ROLLED_BACK,
            _C.RETURNED: _S.MOVING,
            _C.PINNED: _S.PINNED_HTTP,
        },
        _S.PINNED_HTTP: {_C.RETURNED: _S.MOVING},
    }
)

BY_WORD: Final = frozenset({_C.RETURNED, _C.PINNED})
"""What somebody asked for; all else happens by itself."""


def protocol_of(state: ProtocolState) -> AgentProtocol:
    """What carries the sessions of a workspace in this state, but for probes."""
    return AgentProtocol.ACP if state in (_S.ACP, _S.MOVING) else AgentProtocol.HTTP
