"""What becomes of a connection, written into the streams of its sessions: each change of its state.

A connection begins before its session does. What happens until then is kept, and comes first in the session's
stream.
"""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from actors import errors
from actors.connection.carriage import PROTOCOL_SEMVER
from actors.connection.events import EventKind
from actors.connection.figures import Figures
from actors.connection.session import Session
from actors.connection.states import ConnectionState
from actors.connection.table import SessionTable
from actors.protocol.agent_protocol import AgentProtocol
from actors.protocol.redaction import redact

MAX_EARLIER: Final = 16


@dataclass(frozen=True, slots=True)
class Move:
    """A change of state of the link over ``protocol``, with the failure behind it, or why it was done."""

    was: ConnectionState
    now: ConnectionState
    protocol: AgentProtocol
    error: errors.LumiLinkError | None = None
    cause: str = ""
    figures: Figures = field(default_factory=Figures)


class Chronicle:
    """Writes for one connection."""

    def __init__(self, sessions: SessionTable) -> None:
        self._sessions = sessions
        self._earlier: deque[dict[str, object]] = deque(maxlen=MAX_EARLIER)

    def moved(self, move: Move) -> None:
        """The state is another one now."""
        told = _told(move)
        if not len(self._sessions):
            self._earlier.append(told)
        for session in self._sessions:
            _write(session, told)

    def begun(self, session: Session, state: ConnectionState) -> None:
        """A session has begun on the connection, which is in ``state``: it gets what was before it.

        For a fork that is nothing but that the connection is there.
        """
        earlier, self._earlier = self._earlier, deque(maxlen=MAX_EARLIER)
        if not earlier:
            earlier.append(_told(Move(ConnectionState.CONNECTING, state, session.carriage.protocol)))
        for told in earlier:
            _write(session, told)

    def left(self, session: Session, state: ConnectionState) -> None:
        """A session is closed: for it the connection ends here, whatever becomes of that."""
        if state is not ConnectionState.DISCONNECTED:
            _write(session, _told(Move(state, ConnectionState.DISCONNECTED, session.carriage.protocol)))


def _write(session: Session, told: dict[str, object]) -> None:
    carriage = session.carriage
    whose = {
        "connectionId": carriage.link_id_over(AgentProtocol(str(told["protocol"]))),
        "containerId": carriage.container_id,
    }
    # A worker that ends writes no more; what kept us from it then is no matter here.
    with contextlib.suppress(errors.JournalUnavailableError):
        session.note(EventKind.CONNECTION, {**whose, **told})


def _told(move: Move) -> dict[str, object]:
    figures, error = move.figures, move.error
    return {
        "from": move.was.value,
        "to": move.now.value,
        "protocol": move.protocol.value,
        "protocolVersion": PROTOCOL_SEMVER,
        "capabilities": figures.capabilities,
        "successRate": figures.success_rate,
        "latencyP95Ms": figures.latency_p95_ms,
        "throughputPerMin": figures.throughput_per_min,
        "lastHeartbeat": None if figures.silent_s is None else _moment(figures.silent_s),
        "errorCode": None if error is None else error.code,
        "errorCategory": None if error is None else error.category.value,
        "cause": redact(move.cause if error is None else error.detail) or None,
    }


def _moment(seconds_ago: float) -> str:
    moment = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
