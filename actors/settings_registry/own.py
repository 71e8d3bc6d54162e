"""LumiLink's own settings of an installation: in every registry, and only their values can be changed."""

from __future__ import annotations

from typing import Final

from actors.settings_registry.models import Constraints, NewSetting, ValueType

GAME_TYPE: Final = "lumilink"
FILE_TYPE: Final = "installation"
JOBS: Final = "jobs"
LEASE_S: Final = "leaseS"
MAX_ATTEMPTS: Final = "maxAttempts"
KEEP_DAYS: Final = "keepDays"


def _own(section: str, key: str, default: int, low: int, high: int, description: str) -> NewSetting:
    return NewSetting(
        game_type=GAME_TYPE,
        file_type=FILE_TYPE,
        section=section,
        key=key,
        value_type=ValueType.INT,
        default_value=default,
        constraints=Constraints(min=low, max=high),
        category=section,
        control_type="number",
        description=description,
    )


OWN: Final = (
    _own(JOBS, LEASE_S, 60, 5, 3600, "Seconds after which a job whose runner does not report is lost."),
    _own(JOBS, MAX_ATTEMPTS, 3, 1, 20, "How often a job is begun by itself until it has failed."),
    _own(JOBS, KEEP_DAYS, 30, 1, 3650, "Days for which a job is kept after its end."),
)
