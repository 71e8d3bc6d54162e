"""What can be set for a group writer, and what it tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from actors.errors import SettingsError


class WriterState(StrEnum):
    """How the writer fares."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """The store is unavailable; the commit is tried again until it works."""
    CLOSED = "closed"
    FAILED = "failed"
    """The store broke its contract; nothing is written any more."""


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """How much may wait and go at once. SettingsError if a value makes no sense."""

    waiting_entries: int = 50_000
    """Entries that may wait, those of the commit under way included, before the writer is full."""
    waiting_bytes: int = 64 << 20
    """Bytes that may wait."""
    commit_entries: int = 1000
    """Entries that one commit takes at most; what waits in one source is never divided."""
    commit_bytes: int = 4 << 20
    """Bytes that one commit takes at most."""
    pressed_share: float = 0.5
    """At this share of what may wait the writer is pressed, until less than half of that is left."""
    first_retry_s: float = 0.05
    """The pause before the first repeat of a commit; each further one is twice as long."""
    last_retry_s: float = 2.0
    """The longest pause."""

    def __post_init__(self) -> None:
        if min(self.waiting_entries, self.waiting_bytes, self.commit_entries, self.commit_bytes) < 1:
            raise SettingsError("waiting_*, commit_*: expected at least 1")
        if not 0.0 < self.pressed_share <= 1.0:
            raise SettingsError("pressed_share: expected more than 0 and at most 1")
        if not 0.0 < self.first_retry_s <= self.last_retry_s:
            raise SettingsError("first_retry_s: expected more than 0 and at most last_retry_s")


@dataclass(frozen=True, slots=True)
class WriterStatistics:
    """What waits now, and what was done since the writer was made."""

    state: WriterState
    waiting_entries: int
    waiting_bytes: int
    commits: int
    appends: int
    refused: int
    retries: int
