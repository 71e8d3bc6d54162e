"""What is answered in the agent's place: who it is, what it can do, what of a session it leaves out."""

from __future__ import annotations

from actors.agents.agentapi.events import AgentStatus
from actors.protocol.handshake import PROTOCOL_VERSION
from actors.protocol.models import NewSessionParams


def capabilities_of(about: AgentStatus | None) -> dict[str, object]:
    """The result of ``initialize``; ``about`` is None for a server that is too busy to say who it is.

    The conversation is the server's and outlives a link, so it can be resumed; its replay has no updates of
    ACP, so it cannot be loaded.
    """
    name = about.agent_type if about is not None and about.agent_type else "agentapi"
    return {
        "protocolVersion": PROTOCOL_VERSION,
        "agentCapabilities": {
            "loadSession": False,
            "promptCapabilities": {"image": False, "audio": False, "embeddedContext": True},
            "mcpCapabilities": {"http": False, "sse": False},
            "sessionCapabilities": {"resume": {}},
        },
        "agentInfo": {"name": name, "title": f"{name} (AgentAPI)", "version": "unknown"},
        "authMethods": [],
    }


def new_session_result(session_id: str, params: NewSessionParams) -> dict[str, object]:
    """The result of ``session/new``. The agent was started without us, so some params come too late."""
    ignored = ["cwd"]
    if bytes(params.mcp_servers) not in (b"[]", b"null"):
        ignored.append("mcpServers")
    if params.additional_directories:
        ignored.append("additionalDirectories")
    return {"sessionId": session_id, "_meta": {"lumilink": {"ignored": ignored}}}
