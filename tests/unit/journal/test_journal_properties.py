"""Whatever is done to a journal, it ends as the model does."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from unit.journal.memory_store import MemoryStore
from unit.journal.model import Step, run_against_model, steps
from unit.journal.sqlite_store import SqliteStore


@given(steps=steps)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_sequence_of_steps_in_memory_ends_as_in_the_model(steps: list[Step]):
    asyncio.run(run_against_model(MemoryStore(), steps))


@given(steps=steps)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_sequence_of_steps_on_sqlite_ends_as_in_the_model(steps: list[Step]):
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = await SqliteStore(Path(folder) / "journal.db").start()
            await run_against_model(store, steps)
            await store.journal.close()

    asyncio.run(run())
