"""The roll of all sessions: at which worker each is, whose it is, and how many there are of each owner."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple, TypeVar

Key = TypeVar("Key")


MAX_PAST = 20_000
"""Of how many sessions it is remembered whose they were; the one that left longest ago goes first."""


class Owner(NamedTuple):
    """Whose a session is; ``workspace`` is empty where it is not known yet."""

    installation: str
    workspace: str


NOBODY = Owner("", "")
"""The owner of a session of which only the id is known."""


class Roll:
    """Sessions by id. A session is at one worker, and counts once.

    Whose a session was that is nowhere is remembered for a while: it may come back.
    """

    def __init__(self) -> None:
        self._entries: dict[str, tuple[str, Owner]] = {}
        self._installations: Counter[str] = Counter()
        self._workspaces: Counter[Owner] = Counter()
        self._past: dict[str, Owner] = {}

    def put(self, session_id: str, worker_id: str, owner: Owner) -> None:
        """A session is at a worker now, and nowhere else."""
        entry = (worker_id, owner)
        if self._entries.get(session_id) != entry:
            self.drop(session_id)
            self._entries[session_id] = entry
            self._installations[owner.installation] += 1
            self._workspaces[owner] += 1

    def drop(self, session_id: str) -> None:
        """A session is nowhere any more."""
        entry = self._entries.pop(session_id, None)
        if entry is not None:
            owner = entry[1]
            _count_down(self._installations, owner.installation)
            _count_down(self._workspaces, owner)
            self._remember(session_id, owner)

    def _remember(self, session_id: str, owner: Owner) -> None:
        if owner.workspace:
            self._past.pop(session_id, None)
            self._past[session_id] = owner
            if len(self._past) > MAX_PAST:
                del self._past[next(iter(self._past))]

    def worker_of(self, session_id: str) -> str:
        """The id of the worker that a session is at; empty if it is nowhere."""
        entry = self._entries.get(session_id)
        return entry[0] if entry is not None else ""

    def owner_of(self, session_id: str) -> Owner:
        """Whose a session is, or was; ``NOBODY`` if that is not known."""
        _, owner = self._entries.get(session_id, ("", NOBODY))
        return owner if owner.workspace else self._past.get(session_id, owner)

    def of_installation(self, installation: str) -> int:
        """How many sessions an installation has."""
        return self._installations[installation]

    def of_workspace(self, owner: Owner) -> int:
        """How many sessions a workspace has."""
        return self._workspaces[owner]

    def installations_at(self, worker_id: str) -> dict[str, int]:
        """How many sessions each installation has at a worker."""
        found = Counter(owner.installation for at, owner in self._entries.values() if at == worker_id)
        return {name: count for name, count in found.items() if name}

    def installations(self) -> dict[str, int]:
        """How many sessions each installation has that has any."""
        return {name: count for name, count in self._installations.items() if name}


def _count_down(counts: Counter[Key], key: Key) -> None:
    """One less; what is at none is forgotten, as there is no end of names."""
    counts[key] -= 1
    if counts[key] <= 0:
        del counts[key]
