"""Migrations on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.records.migration_conformance import MigrationConformance


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'records.db'}"


class TestMigrations(MigrationConformance):
    pass
