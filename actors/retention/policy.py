"""For how long what is kept: days by kind, and by installation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class RetainedKind(StrEnum):
    """What can have a time to be kept. Without one it is kept for ever."""

    JOURNAL = "journal"
    """Entries of sessions' streams: the conversations themselves."""
    SESSIONS = "sessions"
    """Whole sessions, by their last use: conversation, connections and all records of them."""
    MESSAGES = "messages"
    TRANSCRIPTS = "transcripts"
    TRANSITIONS = "transitions"
    AUTOMATIONS = "automations"
    MIGRATIONS = "migrations"
    ROLLBACKS = "rollbacks"
    ALERTS = "alerts"
    METRICS = "metrics"


Days = Mapping[RetainedKind, int]


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """``days`` are for all installations, ``own`` replace them kind by kind for some; 0 days: for ever."""

    days: Days = field(default_factory=dict)
    own: Mapping[str, Days] = field(default_factory=dict)

    def cutoff(self, installation: str, kind: RetainedKind, now: datetime) -> datetime | None:
        """Before which moment nothing is kept; None: everything is."""
        own = self.own.get(installation, {})
        days = own.get(kind, self.days.get(kind, 0))
        return now - timedelta(days=days) if days else None

    @property
    def is_empty(self) -> bool:
        """Whether everything is kept for ever."""
        return not any(days for table in (self.days, *self.own.values()) for days in table.values())
