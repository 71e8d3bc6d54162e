"""What the connections of one workspace have in common."""

from __future__ import annotations

from dataclasses import dataclass

from actors.agents.room import AgentRoom
from actors.connection.messages import ConnectionSettings, SessionDirectory
from actors.connection.store import SessionStore
from actors.placement.leases import Lease


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose sessions they are, where they are kept, under which lease they are written, and where
    their agents find memory.
    """

    installation: str
    workspace_id: str
    settings: ConnectionSettings
    directory: SessionDirectory
    store: SessionStore
    lease: Lease
    room: AgentRoom
