"""What the retention actor is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.retention.policy import RetentionPolicy
from actors.storage import StorageSettings


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """The journal, the address of the records' database, and how long what is kept.

    ``sweep_every_s`` is the time between two sweeps.
    """

    storage: StorageSettings
    records_url: str = field(repr=False)
    policy: RetentionPolicy = field(default_factory=RetentionPolicy)
    sweep_every_s: float = 3600.0
