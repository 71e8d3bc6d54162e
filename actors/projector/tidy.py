"""What goes into a record's payload: without what is large and says nothing, and without a session's secrets.

Credentials of known forms are taken out by the records themselves. Those that a session was given for its MCP
servers are known exactly, whatever form they have, so they are taken out here.
"""

from __future__ import annotations

from typing import Final, Self

from pydantic import JsonValue

from actors.projector.folding import without_last_word
from actors.protocol.surroundings import KnownSecrets

MOST_CHARS: Final = 16 * 1024
"""Of one string. The journal has all of it."""
_DEEPEST: Final = 60
_BINARY: Final = frozenset({"data", "blob"})
_BINARY_CHARS: Final = 256


class Tidy:
    """Makes payloads of messages; ``secrets`` are those that no record may have.

    ``text`` gives a text without them.
    """

    def __init__(self, secrets: KnownSecrets) -> None:
        self.text = secrets.without

    @classmethod
    def for_surroundings(cls, surroundings: bytes) -> Self:
        """Without what the environment and the headers of a session's MCP servers hold."""
        return cls(KnownSecrets.of(surroundings))

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
