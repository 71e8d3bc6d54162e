"""What one connection adds to the log of its container: the agent's standard error, and its own life."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.connection.chronicle import Move
from actors.connection.states import ConnectionState
from actors.instances.lines import LINES, LogLevel, LogSource, line_of
from actors.protocol.surroundings import KnownSecrets

MAX_HIDDEN: Final = 16
"""Of how many sessions, or changes of one, the secrets are known; the first is forgotten first."""
_LEVELS: Final = {ConnectionState.ERROR: LogLevel.ERROR, ConnectionState.DEGRADED: LogLevel.WARN}


class Logbook:
    """``container`` names the container that the connection leads to now."""

    def __init__(self, installation: str, container: Callable[[], str]) -> None:
        self._installation = installation
        self._container = container
        self._secrets: dict[bytes, KnownSecrets] = {}

    def hide(self, surroundings: bytes) -> None:
        """What a session's MCP servers were given may be said by the agent, and is not to be shown."""
        if surroundings not in self._secrets:
            self._secrets[surroundings] = KnownSecrets.of(surroundings)
            if len(self._secrets) > MAX_HIDDEN:
                del self._secrets[next(iter(self._secrets))]

    def said(self, line: str) -> None:
        """The agent wrote a line to its standard error."""
        for secrets in self._secrets.values():
            line = secrets.without(line)
        LINES.add(line_of(self._installation, self._container(), line, LogSource.AGENT))

    def moved(self, move: Move) -> None:
        """The connection is in another state."""
        why = move.cause if move.error is None else move.error.detail
        message = f"The connection over {move.protocol.value} is {move.now.value}{f': {why}' if why else '.'}"
        level = _LEVELS.get(move.now, LogLevel.INFO)
        LINES.add(line_of(self._installation, self._container(), message, LogSource.LIFECYCLE, level))
