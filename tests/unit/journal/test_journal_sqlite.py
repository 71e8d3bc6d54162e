"""The journal on SQLite keeps the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from unit.journal.conformance import AppendConformance, ReadConformance
from unit.journal.placement_conformance import PlacementConformance
from unit.journal.sqlite_store import SqliteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore(tmp_path / "journal.db").start()
    yield store
    await store.journal.close()


class TestAppends(AppendConformance):
    pass


class TestReads(ReadConformance):
    pass


class TestPlacements(PlacementConformance):
    pass
