"""The one way in: from a target to a live link."""

from __future__ import annotations

from actors.agents.agentapi.link import dial_agentapi
from actors.agents.http import dial_http
from actors.agents.http_client import ensure_reachable
from actors.agents.link import AgentLink, AgentListener, DialOptions
from actors.agents.stdio import dial_stdio
from actors.agents.target import AgentTarget, TargetKind
from actors.agents.websocket import dial_websocket
from actors.errors import AgentUnreachableError


async def dial(target: AgentTarget, listener: AgentListener, options: DialOptions) -> AgentLink:
    """Reach the agent at ``target`` and tell ``listener`` what it sends.

    Raises AgentStartError (the command does not start) or AgentUnreachableError (nothing answers at the
    address within ``connect_timeout_s``). Whoever dials closes the link, also after ``agent_closed``. The
    listener may be called before this returns: a fast agent speaks, or ends, at once.
    """
    match target.kind:
        case TargetKind.WEBSOCKET:
            return await dial_websocket(target, listener, options)
        case TargetKind.HTTP:
            return await dial_http(target, listener, options)
        case TargetKind.STDIO:
            return await dial_stdio(target, listener, options)
        case TargetKind.AGENTAPI:
            return await dial_agentapi(target, listener, options)
        case TargetKind.RUNNER:
            raise AgentUnreachableError(f"{target.label}: a runner is met through its gateway alone")


async def is_listening(target: AgentTarget, within_s: float) -> bool:
    """Whether somebody takes a connection at a URL within ``within_s`` seconds; nothing is said on it."""
    try:
        await ensure_reachable(target, within_s)
    except AgentUnreachableError:
        return False
    return True
