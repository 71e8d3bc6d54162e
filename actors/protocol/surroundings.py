"""What an agent wants again whenever it loads a session: MCP servers and directories.

They carry tokens, so they are passed on and sealed, never looked into.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from actors.protocol.envelope import Envelope, params_of

NONE: Final = b'{"mcpServers":[]}'


class _Surroundings(Struct, frozen=True, rename="camel"):
    mcp_servers: Raw = Raw(b"[]")
    additional_directories: Raw | UnsetType = UNSET


def surroundings_of(request: Envelope) -> bytes:
    """The members of ``session/new``, ``load`` or ``resume`` that say them, as one JSON object."""
    return msgspec.json.encode(params_of(request, _Surroundings))
