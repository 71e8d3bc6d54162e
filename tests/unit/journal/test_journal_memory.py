"""The journal in memory keeps the contract."""

from __future__ import annotations

import pytest
from unit.journal.conformance import AppendConformance, ReadConformance
from unit.journal.memory_store import MemoryStore
from unit.journal.placement_conformance import PlacementConformance


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


class TestAppends(AppendConformance):
    pass


class TestReads(ReadConformance):
    pass


class TestPlacements(PlacementConformance):
    pass
