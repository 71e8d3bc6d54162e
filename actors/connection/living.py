"""The sessions that are loaded in this process, looked at when somebody asks how it fares."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from actors.protocol.agent_protocol import AgentProtocol

if TYPE_CHECKING:
    from actors.connection.session import Session

LIVING: Final[WeakSet[Session]] = WeakSet()
"""A session is in it from when it is made until it is released."""


@dataclass(frozen=True, slots=True)
class LivingFigures:
    """``protocols`` says how many sessions are carried by each; ``lag`` is the largest, in events."""

    protocols: dict[AgentProtocol, int]
    running: int
    asking: int
    queued: int
    attachments: int
    lagging: int
    lag: int


def look() -> LivingFigures:
    """How all of them fare now."""
    sessions = list(LIVING)
    views = [(one, view) for one in sessions for view in one.attachments.values()]
    running = [one for one in sessions if one.turns.running is not None]
    lags = [one.history.last_seq - view.position for one, view in views if view.is_lagging]
    return LivingFigures(
        protocols=dict.fromkeys(AgentProtocol, 0) | Counter(one.carriage.protocol for one in sessions),
        running=len(running),
        asking=sum(len(one.questions) > 0 for one in running),
        queued=sum(one.turns.waiting for one in running),
        attachments=len(views),
        lagging=len(lags),
        lag=max(lags, default=0),
    )
