"""What is counted of a session's minutes, as records: adoption, success and speed by protocol (FR-012)."""

from __future__ import annotations

from typing import Final

from actors.projector.derived import Derived, moment
from actors.projector.state import SessionState
from actors.records import How
from actors.records.models import MetricsEnvelope, record_id

MINUTE_MS: Final = 60_000
MESSAGES: Final = "messages"
TURNS: Final = "turns"
FAILED_TURNS: Final = "turns-failed"
TURN_MS: Final = "turn-ms"
"""The lengths of all turns, added up, in milliseconds."""
FALLBACKS: Final = "fallbacks"


def count(state: SessionState, what: str, at: int, value: float = 1.0) -> None:
    """Something happened at ``at``, which lies in ``state.minute``."""
    name = what if what == FALLBACKS else f"{state.protocol}-{what}"
    state.counts[name] = state.counts.get(name, 0.0) + value


def close_minute(
    state: SessionState, installation: str, workspace_id: str, seq: int, derived: Derived
) -> None:
    """Give away what was counted. A minute may be given away in parts: its record adds them up."""
    for name, value in state.counts.items():
        about = f"{workspace_id}\0{name}"
        derived.put(
            seq,
            MetricsEnvelope(
                installation_id=installation,
                metric_id=record_id(installation, "metrics", state.minute, about),
                workspace_id=workspace_id,
                timestamp=moment(state.minute * MINUTE_MS),
                metric_type=name,
                value=value,
            ),
            How.ADD,
        )
    state.counts = {}
