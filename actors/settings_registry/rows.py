"""Rows of the database as settings, and back."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET
from sqlalchemy import RowMapping

from actors.records.tables import SETTING_REGISTRY
from actors.settings_registry.models import (
    Constraints,
    NewSetting,
    Setting,
    SettingChange,
    ValueType,
    What,
)

S: Final = SETTING_REGISTRY.c
_OPTIONAL: Final = ("category", "control_type", "introduced_version", "deprecated_version", "description")


def setting_of(row: RowMapping) -> Setting:
    """A row as a setting."""
    return Setting(
        setting_id=row["setting_id"],
        game_type=row["game_type"],
        file_type=row["file_type"],
        section=row["section"],
        key=row["key"],
        value_type=ValueType(row["value_type"]),
        constraints=msgspec.convert(row["constraints"] or {}, Constraints),
        advanced=row["advanced"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        default_value=_known(row["default_value"]),
        value=_known(row["value"]),
        **{name: _known(row[name]) for name in _OPTIONAL},
    )


def columns_of(wanted: NewSetting) -> dict[str, Any]:
    """What is described, as columns."""
    return {
        "game_type": wanted.game_type,
        "file_type": wanted.file_type,
        "section": wanted.section,
        "key": wanted.key,
        "value_type": wanted.value_type,
        "default_value": wanted.default_value,
        "constraints": msgspec.to_builtins(wanted.constraints),
        "advanced": wanted.advanced,
        **{name: getattr(wanted, name) for name in _OPTIONAL},
    }


def snapshot(setting: Setting) -> Any:
    """The setting as the history has it."""
    return msgspec.to_builtins(setting)


def change_of(row: RowMapping) -> SettingChange:
    """A row of the history."""
    at: datetime = row["at"]
    return SettingChange(
        row["version"], What(row["what"]), at, row["changed_by"], row["before"], row["after"]
    )


# A column's value is of any type; None is what is not known.
def _known(value: Any) -> Any:
    return UNSET if value is None else value
