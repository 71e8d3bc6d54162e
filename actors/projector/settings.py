"""What the projector is started with."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.storage import StorageSettings


@dataclass(frozen=True, slots=True)
class ProjectorSettings:
    """The journal, and the address of the records' database."""

    storage: StorageSettings
    records_url: str = field(repr=False)
