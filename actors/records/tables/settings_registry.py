"""The settings registry, and what was changed in it. No records: it is made by requests."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, PrimaryKeyConstraint, String, Table, UniqueConstraint
from sqlalchemy.schema import Column

from actors.records.tables.columns import (
    METADATA,
    code,
    count,
    flag,
    identifier,
    moment,
    structure,
    text,
    uuid_text,
)

SETTING_REGISTRY: Final = Table(
    "setting_registry",
    METADATA,
    identifier("installation_id"),
    uuid_text("setting_id"),
    code("game_type"),
    code("file_type"),
    # Empty for what stands at the top.
    Column("section", String(200), nullable=False),
    identifier("key"),
    code("value_type"),
    structure("default_value"),
    structure("value"),
    structure("constraints"),
    code("category", optional=True),
    flag("advanced"),
    code("control_type", optional=True),
    code("introduced_version", optional=True),
    code("deprecated_version", optional=True),
    text("description"),
    count("version"),
    moment("created_at"),
    moment("updated_at"),
    PrimaryKeyConstraint("installation_id", "setting_id"),
    UniqueConstraint("installation_id", "game_type", "file_type", "section", "key"),
    Index("ix_setting_registry_game_type_file_type", "installation_id", "game_type", "file_type"),
    Index("ix_setting_registry_section_key", "installation_id", "section", "key"),
)

SETTING_CHANGES: Final = Table(
    "setting_changes",
    METADATA,
    identifier("installation_id"),
    uuid_text("setting_id"),
    count("version"),
    code("what"),
    structure("before"),
    structure("after"),
    Column("changed_by", String(200), nullable=False),
    moment("at"),
    PrimaryKeyConstraint("installation_id", "setting_id", "version"),
)
"""What a setting was before a change and after it; it outlives the setting."""
