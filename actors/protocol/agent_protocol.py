"""The two protocols by which an agent is reached."""

from __future__ import annotations

from enum import StrEnum


class AgentProtocol(StrEnum):
    """How the sessions of a workspace are carried."""

    ACP = "acp"
    """The Agent Client Protocol."""
    HTTP = "http"
    """The HTTP API of before: AgentAPI."""

    @property
    def other(self) -> AgentProtocol:
        """The one that is left where this one cannot be used."""
        return AgentProtocol.HTTP if self is AgentProtocol.ACP else AgentProtocol.ACP
