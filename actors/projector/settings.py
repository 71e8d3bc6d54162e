"""What the projector is started with."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.analytics.settings import AnalyticsSettings
from actors.storage import StorageSettings


@dataclass(frozen=True, slots=True)
class ProjectorSettings:
    """The journal, the address of the records' database, and where analytics go, if anywhere."""

    storage: StorageSettings
    records_url: str = field(repr=False)
    analytics: AnalyticsSettings | None = None
