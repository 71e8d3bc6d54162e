"""What the connections of one workspace have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from actors.agents.room import AgentRoom
from actors.connection.automating import AutomationDesk, NoAutomation
from actors.connection.messages import ConnectionSettings, SessionDirectory
from actors.connection.status.times import OF_A_WORKSPACE, TurnTimes
from actors.connection.store import SessionStore
from actors.migration.contract import FellBack, ProtocolStanding, Switched
from actors.migration.fixed import FixedStanding
from actors.placement.leases import Lease


def _nobody(_told: FellBack | Switched) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose sessions they are, where they are kept, under which lease they are written, and where
    their agents find memory.

    ``standing`` says by which protocol agents are reached; ``tell_workspace`` takes what becomes of that in
    single sessions, and must not block. ``automation`` takes what is to become of turns on the forge.
    ``times`` says how long turns took in it.
    """

    installation: str
    workspace_id: str
    settings: ConnectionSettings
    directory: SessionDirectory
    store: SessionStore
    lease: Lease
    room: AgentRoom
    standing: ProtocolStanding = field(default_factory=FixedStanding)
    tell_workspace: Callable[[FellBack | Switched], None] = _nobody
    automation: AutomationDesk = field(default_factory=NoAutomation)
    times: TurnTimes = field(default_factory=lambda: TurnTimes(OF_A_WORKSPACE))
