"""The order in which the rollout moves a worker's workspaces: one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

PATIENCE_S: Final = 30.0
"""How long the next one waits for a workspace whose turns do not end."""


class MovingLine:
    """Workspaces wait here for their turn to move; belongs to one event loop."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._waiting: dict[str, Callable[[], None]] = {}
        self._moving = ""
        self._impatience: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting) + bool(self._moving)

    def join(self, workspace: str, go: Callable[[], None]) -> None:
        """Wait for one's turn; ``go`` is called when it has come. Doing it twice is no harm."""
        if workspace == self._moving:
            return
        self._waiting.setdefault(workspace, go)
        if not self._moving:
            self._next()

    def leave(self, workspace: str) -> None:
        """The workspace has moved, or does not wait any more."""
        self._waiting.pop(workspace, None)
        if workspace == self._moving:
            self._next()

    def close(self) -> None:
        """Nobody moves any more."""
        self._waiting.clear()
        self._next()

    def _next(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None
        self._moving = next(iter(self._waiting), "")
        if self._moving:
            go = self._waiting.pop(self._moving)
            loop = asyncio.get_running_loop()
            self._impatience = loop.call_later(self._patience_s, self._next)
            go()
