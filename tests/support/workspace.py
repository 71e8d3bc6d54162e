"""A folder that an agent works in, and by which a test tells a scripted agent what to do."""

from __future__ import annotations

import json
from pathlib import Path


class Workspace:
    """``behaviour`` is how the agent starts; see ``scripted_agent.py``."""

    def __init__(self, path: Path, *, behaviour: str = "scripted") -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        (path / "behaviour").write_text(behaviour)

    def __str__(self) -> str:
        return str(self.path)

    def signal(self, name: str) -> None:
        """Make the file that an ``await`` of the agent's script waits for."""
        (self.path / name).touch()

    def starts(self) -> list[int]:
        """The process ids of all scripted agents that were started here and spoke, in order."""
        return [int(line) for line in self._lines("agent-starts")]

    def prompts(self) -> list[str]:
        """All prompts that scripted agents got here, in order."""
        return [json.loads(line) for line in self._lines("agent-prompts")]

    def modes(self) -> list[tuple[int, str]]:
        """All modes that scripted agents were set to here, in order, each with the agent's process id."""
        noted = (line.split(" ", 1) for line in self._lines("agent-modes"))
        return [(int(pid), mode) for pid, mode in noted]

    def _lines(self, name: str) -> list[str]:
        noted = self.path / name
        return noted.read_text().splitlines() if noted.exists() else []
