"""In which ways a worker can reach agents."""

from __future__ import annotations

from actors.agents.target import TargetKind
from actors.connection.messages import ConnectionSettings
from actors.protocol.agent_protocol import AgentProtocol


def ways_of(settings: ConnectionSettings) -> frozenset[AgentProtocol]:
    """By which protocols; an agent that only has the older HTTP API is never reached over ACP."""
    if settings.target.kind is TargetKind.AGENTAPI:
        return frozenset({AgentProtocol.HTTP})
    if settings.fallback is None:
        return frozenset({AgentProtocol.ACP})
    return frozenset(AgentProtocol)
