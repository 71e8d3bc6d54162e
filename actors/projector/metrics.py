"""What is counted of a session's minutes, as records: adoption, success and speed by protocol (FR-012)."""

from __future__ import annotations

from typing import Final

from actors.journal.contract import Entry
from actors.projector.derived import Derived, moment
from actors.projector.state import SessionState
from actors.records import How
from actors.records.models import ConnectionStatus, MetricsEnvelope, record_id

MINUTE_MS: Final = 60_000
_DOWN: Final = frozenset({ConnectionStatus.ERROR.value, ConnectionStatus.RECONNECTING.value})
MESSAGES: Final = "messages"
TURNS: Final = "turns"
FAILED_TURNS: Final = "turns-failed"
TURN_MS: Final = "turn-ms"
"""The lengths of all turns, added up, in milliseconds."""
FALLBACKS: Final = "fallbacks"
HANDSHAKES: Final = "handshakes"
FAILED_HANDSHAKES: Final = "handshakes-failed"
USED_MS: Final = "used-ms"
"""Minutes in which a session's stream had an entry, each as 60,000 milliseconds."""
DOWN_MS: Final = "down-ms"
"""Of these, how long the session had no agent that it could be carried to, in milliseconds."""
ROLLBACKS: Final = "rollbacks"
MIGRATIONS: Final = "migrations"
CAPACITY_ALERTS: Final = "capacity-alerts"
AUTOMATIONS: Final = "automation"
"""With how it ended behind it: ``automation-success``."""
AUTOMATION_MS: Final = "automation-ms"


def count(state: SessionState, what: str, at: int, value: float = 1.0) -> None:
    """Something happened at ``at``, which lies in ``state.minute``."""
    name = what if what == FALLBACKS else f"{state.protocol}-{what}"
    state.counts[name] = state.counts.get(name, 0.0) + value


def close_minute(
    state: SessionState, installation: str, workspace_id: str, seq: int, derived: Derived
) -> None:
    """Give away what was counted. A minute may be given away in parts: its record adds them up."""
    for name, value in state.counts.items():
        _add(derived, seq, installation, workspace_id, state.minute, name, value)
    state.counts = {}


def count_one(
    derived: Derived, entry: Entry, installation: str, workspace_id: str | None, name: str, value: float = 1.0
) -> None:
    """Something that an entry of another stream than a session's tells of, in the minute of the entry."""
    _add(derived, entry.seq, installation, workspace_id, entry.at // MINUTE_MS, name, value)


def end_minute(state: SessionState) -> None:
    """The minute is over: a connection that is lost still was lost until its end."""
    if state.down_since and state.minute:
        _count_down(state, (state.minute + 1) * MINUTE_MS)


def follow_connection(state: SessionState, status: str, at: int) -> None:
    """The session's connection has this status from now on."""
    is_down = status in _DOWN
    if state.down_since and not is_down:
        _count_down(state, at)
        state.down_since = 0
    elif is_down and not state.down_since:
        state.down_since = at


def _count_down(state: SessionState, until: int) -> None:
    began = max(state.down_since, state.minute * MINUTE_MS)
    if until > began:
        count(state, DOWN_MS, until, float(until - began))


def _add(
    derived: Derived,
    seq: int,
    installation: str,
    workspace_id: str | None,
    minute: int,
    name: str,
    value: float,
) -> None:
    about = f"{workspace_id or ''}\0{name}"
    derived.put(
        seq,
        MetricsEnvelope(
            installation_id=installation,
            metric_id=record_id(installation, "metrics", minute, about),
            workspace_id=workspace_id,
            timestamp=moment(minute * MINUTE_MS),
            metric_type=name,
            value=value,
        ),
        How.ADD,
    )
