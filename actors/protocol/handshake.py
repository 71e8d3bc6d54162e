"""The handshake: which version is spoken, and what the gateway says it can do for a client and an agent.

A client sees the gateway's own abilities, which hold for any agent (sessions are loaded, listed, resumed
and closed from the journal), joined with what only the agent can do. What we do not know of passes through.

Source: https://agentclientprotocol.com/protocol/v1/initialization.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from actors.errors import AgentProtocolError, ProtocolMismatchError
from actors.protocol.members import Members, decode, members_of
from actors.protocol.models import InitializeResult

PROTOCOL_VERSION: Final = 1
"""The latest version of ACP that LumiLink speaks."""

SPOKEN_VERSIONS: Final = frozenset({PROTOCOL_VERSION})

GATEWAY_VERSION: Final = "0.1.0"

_BASELINE: Final = {
    "promptCapabilities": Raw(b'{"image":false,"audio":false,"embeddedContext":false}'),
    "mcpCapabilities": Raw(b'{"http":false,"sse":false}'),
}
"""What is said where there is no agent to ask: prompts of text and links, no MCP servers but local ones."""

_SERVED_SESSION_METHODS: Final = ("list", "resume", "close")


def version_number(spelled: int | str) -> int:
    """The major version: ``1``, ``"1"`` and ``"1.0.0"`` are 1; older spellings, such as dates, count as 0."""
    if isinstance(spelled, int):
        return spelled
    major = spelled.strip().partition(".")[0]
    return int(major) if major.isascii() and major.isdigit() and len(major) <= 5 else 0


def check_agent_version(answered: int | str) -> None:
    """Raise ProtocolMismatchError, which names both versions, if an agent's is not spoken here."""
    if version_number(answered) not in SPOKEN_VERSIONS:
        raise ProtocolMismatchError(
            f"the agent speaks ACP version {str(answered)[:20]}, LumiLink speaks version {PROTOCOL_VERSION}"
        )


def join_capabilities(agent_result: Raw | bytes | None) -> dict[str, object]:
    """The result of ``initialize`` for a client.

    ``agent_result`` is the agent's own result as JSON text, or ``None`` if no agent could be asked. Raises
    AgentProtocolError if it is no ``initialize`` result, ProtocolMismatchError for a version that is not
    spoken here.
    """
    agent = {} if agent_result is None else _checked(agent_result)
    joined: dict[str, object] = {
        **agent,
        "protocolVersion": PROTOCOL_VERSION,
        "agentCapabilities": _join(_lenient(agent.get("agentCapabilities"))),
        "authMethods": _array(agent.get("authMethods")),
        "agentInfo": {"name": "lumilink", "title": "LumiLink", "version": GATEWAY_VERSION},
    }
    if "agentInfo" in agent:
        meta = _lenient(agent.get("_meta"))
        ours = _lenient(meta.get("lumilink")) | {"agent": agent["agentInfo"]}
        joined["_meta"] = {**meta, "lumilink": ours}
    return joined


def gateway_client_capabilities(client_capabilities: Raw | UnsetType | None) -> dict[str, Raw]:
    """What to tell an agent that the client can do: what the client said of itself, or nothing."""
    return _lenient(client_capabilities)


def has_capability(initialize: Raw | bytes, path: str) -> bool:
    """Whether the params (of a client) or the result (of an agent) of ``initialize`` offer a capability.

    ``path`` is dotted, as in ``Method.capability``. What is ``true`` or an object, even an empty one, is
    offered; what is absent, ``null`` or ``false`` is not.
    """
    found: Raw | bytes | None = initialize
    for name in path.split("."):
        found = _lenient(found).get(name)
    return found is not None and bytes(found) not in (b"null", b"false")


def _checked(agent_result: Raw | bytes) -> Members:
    try:
        answered = decode(agent_result, InitializeResult).protocol_version
    except msgspec.DecodeError:
        raise AgentProtocolError("the agent's answer to initialize has no protocolVersion") from None
    check_agent_version(answered)
    return _lenient(agent_result)


def _join(agent: Members) -> dict[str, object]:
    sessions = _lenient(agent.get("sessionCapabilities"))
    served = {name: _lenient(sessions.get(name)) for name in _SERVED_SESSION_METHODS}
    return {**_BASELINE, **agent, "loadSession": True, "sessionCapabilities": {**sessions, **served}}


def _lenient(text: Raw | bytes | UnsetType | None) -> Members:
    """The members of an object; none for all else, as the schema asks of those who read capabilities."""
    if text is None or text is UNSET:
        return {}
    return members_of(text) or {}


def _array(text: Raw | None) -> Raw:
    return text if text is not None and bytes(text).startswith(b"[") else Raw(b"[]")
