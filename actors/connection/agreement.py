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
from actors.protocol.members import decode
from actors.protocol.models import InitializeParams, InitializeResult

PROTOCOL_SEMVER: Final = f"{PROTOCOL_VERSION}.0.0"


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
    """Protocol and version that were agreed on, and who the agent says it is, for ``_meta.lumilink``.

    Raises AgentProtocolError if the agent speaks no version of ours (FR-001), or does not say which.
    """
    try:
        result = decode(agent_result, InitializeResult)
    except msgspec.DecodeError:
        raise AgentProtocolError("the agent's answer to initialize has no protocolVersion") from None
    check_agent_version(result.protocol_version)
    agreed: dict[str, object] = {"protocol": "acp", "protocolVersion": PROTOCOL_SEMVER}
    if isinstance(result.agent_info, Raw):
        agreed["agent"] = result.agent_info
    return agreed
