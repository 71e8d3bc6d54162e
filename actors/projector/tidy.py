"""What goes into a record's payload: without what is large and says nothing, and without a session's secrets.

Credentials of known forms are taken out by the records themselves. Those that a session was given for its MCP
servers are known exactly, whatever form they have, so they are taken out here.
"""

from __future__ import annotations

from typing import Final, Self

import msgspec
from pydantic import JsonValue

from actors.projector.folding import without_last_word
from actors.protocol.redaction import REDACTED

MOST_CHARS: Final = 16 * 1024
"""Of one string. The journal has all of it."""
SHORTEST_SECRET: Final = 6
MOST_SECRETS: Final = 100
_DEEPEST: Final = 60
_BINARY: Final = frozenset({"data", "blob"})
_BINARY_CHARS: Final = 256
_NAMES_OF_VALUES: Final = frozenset({"env", "headers"})


class Tidy:
    """Makes payloads of messages. ``secrets`` are strings that no record may have."""

    def __init__(self, secrets: frozenset[str] = frozenset()) -> None:
        # The longest first: one may begin as another does.
        found = sorted((one for one in secrets if len(one) >= SHORTEST_SECRET), key=len, reverse=True)
        self._secrets = found[:MOST_SECRETS]

    @classmethod
    def for_surroundings(cls, surroundings: bytes) -> Self:
        """Without what the environment and the headers of a session's MCP servers hold."""
        try:
            told = msgspec.json.decode(surroundings) if surroundings else {}
        except msgspec.MsgspecError:
            return cls()
        servers = told.get("mcpServers") if isinstance(told, dict) else None
        return cls(frozenset(_values_of(servers if isinstance(servers, list) else [])))

    def text(self, text: str) -> str:
        """A text without the session's secrets."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return text

    def json(self, value: JsonValue, depth: int = 0) -> JsonValue:
        """A JSON value of at most so much, without the session's secrets."""
        if isinstance(value, str):
            return self._string(value)
        if depth >= _DEEPEST and isinstance(value, list | dict):
            return "…"
        if isinstance(value, list):
            return [self.json(one, depth + 1) for one in value]
        if isinstance(value, dict):
            return {self.text(name): self._member(name, one, depth + 1) for name, one in value.items()}
        return value

    def _member(self, name: str, value: JsonValue, depth: int) -> JsonValue:
        if name in _BINARY and isinstance(value, str) and len(value) > _BINARY_CHARS:
            return f"({len(value)} characters)"
        return self.json(value, depth)

    def _string(self, text: str) -> str:
        text = self.text(text)
        return text if len(text) <= MOST_CHARS else without_last_word(text[:MOST_CHARS])


def _values_of(servers: list[JsonValue]) -> list[str]:
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
