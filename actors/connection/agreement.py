"""What we and the agent agree on when a connection is made."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, Raw

from actors.errors import AgentProtocolError
from actors.protocol.handshake import (
    GATEWAY_VERSION,
    PROTOCOL_VERSION,
    check_agent_version,
    gateway_client_capabilities,
)
from actors.protocol.members import decode, members_of
from actors.protocol.models import InitializeParams, InitializeResult

MAX_CAPABILITIES: Final = 100


def initialize_params(client_initialize: bytes) -> dict[str, object]:
    """Our ``initialize`` to an agent: what its client can do, and who that is if it said so."""
    client = decode(client_initialize, InitializeParams)
    info: object = {"name": "lumilink", "title": "LumiLink", "version": GATEWAY_VERSION}
    return {
        "protocolVersion": PROTOCOL_VERSION,
        "clientCapabilities": gateway_client_capabilities(client.client_capabilities),
        "clientInfo": info if client.client_info is UNSET else client.client_info,
    }


def read_agreement(agent_result: bytes) -> dict[str, object]:
    """Who the agent says it is, for ``_meta.lumilink``.

    Raises ProtocolMismatchError if it speaks no version of ours (FR-001), AgentProtocolError if it does not
    say which.
    """
    try:
        result = decode(agent_result, InitializeResult)
    except msgspec.DecodeError:
        raise AgentProtocolError("the agent's answer to initialize has no protocolVersion") from None
    check_agent_version(result.protocol_version)
    return {"agent": result.agent_info} if isinstance(result.agent_info, Raw) else {}


def capabilities_in(agent_result: bytes) -> list[str]:
    """The names of what the agent offers, such as ``loadSession`` and ``promptCapabilities.image``."""
    offered = (members_of(agent_result) or {}).get("agentCapabilities", Raw(b"{}"))
    found: list[str] = []
    for name, value in (members_of(offered) or {}).items():
        within = members_of(value) if name.endswith("Capabilities") else None
        if within is None:
            found += [name] if _is_offered(value) else []
        else:
            found += [f"{name}.{inner}" for inner, one in within.items() if _is_offered(one)]
    return found[:MAX_CAPABILITIES]


def _is_offered(value: Raw) -> bool:
    return bytes(value) not in (b"null", b"false")
