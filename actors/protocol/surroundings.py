"""What an agent wants again whenever it loads a session: MCP servers and directories.

They carry tokens: so they are sealed, and looked into only to keep those out of what others see.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Self

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from actors.protocol.envelope import Envelope, params_of
from actors.protocol.redaction import REDACTED

NONE: Final = b'{"mcpServers":[]}'
SHORTEST_SECRET: Final = 6
MOST_SECRETS: Final = 100
_NAMES_OF_VALUES: Final = ("env", "headers")


class _Surroundings(Struct, frozen=True, rename="camel"):
    mcp_servers: Raw = Raw(b"[]")
    additional_directories: Raw | UnsetType = UNSET


def surroundings_of(request: Envelope) -> bytes:
    """The members of ``session/new``, ``load`` or ``resume`` that say them, as one JSON object."""
    return msgspec.json.encode(params_of(request, _Surroundings))


class KnownSecrets:
    """What a session's MCP servers were given in their environment and headers, whatever it looks like."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first: one may begin as another does.
        found = sorted({one for one in secrets if len(one) >= SHORTEST_SECRET}, key=len, reverse=True)
        self._secrets = tuple(found[:MOST_SECRETS])

    @classmethod
    def of(cls, surroundings: bytes) -> Self:
        """Those of surroundings as ``surroundings_of`` tells them; none of what is not such."""
        try:
            told = msgspec.json.decode(surroundings) if surroundings else {}
        except msgspec.MsgspecError:
            return cls()
        servers = told.get("mcpServers") if isinstance(told, dict) else None
        return cls(_values_of(servers if isinstance(servers, list) else []))

    def without(self, text: str) -> str:
        """A text without them."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return text


def _values_of(servers: list[object]) -> list[str]:
    """Each value of the variables and headers: ``[{"name", "value"}]`` in ACP, or an object."""
    found: list[str] = []
    for server in servers:
        for name in _NAMES_OF_VALUES:
            given = server.get(name) if isinstance(server, dict) else None
            pairs = given.items() if isinstance(given, dict) else ()
            values = [value for _, value in pairs]
            if isinstance(given, list):
                values = [one.get("value") for one in given if isinstance(one, dict)]
            found += [value for value in values if isinstance(value, str)]
            # "Authorization: Bearer KEY" is told of as KEY, too.
            found += [word for value in values if isinstance(value, str) for word in value.split()[1:]]
    return found
