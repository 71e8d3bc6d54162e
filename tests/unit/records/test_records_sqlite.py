"""The record store on SQLite keeps what it promises."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.records import examples
from unit.records.batch_conformance import BatchConformance
from unit.records.conformance import (
    ApplyConformance,
    PageConformance,
    PayloadConformance,
    RuleConformance,
    TenantConformance,
    put,
)
from unit.records.examples import TENANT, at, number
from unit.records.search_conformance import SearchConformance

from actors.errors import JournalUnavailableError, SettingsError
from actors.records import Change, Position, RecordStore, kinds, migrate
from actors.records.models import Container


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def copy_of(database: Path, folder: Path) -> Path:
    return Path(shutil.copy(database, folder / "records.db"))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that was migrated and closed, to copy."""
    path = tmp_path_factory.mktemp("records") / "empty.db"
    asyncio.run(migrate(url_of(path)))
    return path


@pytest.fixture
async def store(empty: Path, tmp_path: Path) -> AsyncIterator[RecordStore]:
    store = await RecordStore.open(url_of(copy_of(empty, tmp_path)))
    yield store
    await store.close()


class TestApply(ApplyConformance):
    pass


class TestBatches(BatchConformance):
    pass


class TestRules(RuleConformance):
    pass


class TestTenants(TenantConformance):
    pass


class TestPages(PageConformance):
    pass


class TestPayloads(PayloadConformance):
    pass


class TestSearch(SearchConformance):
    pass


@settings(max_examples=20, deadline=None)
@given(windows=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted), max_size=6))
def test_however_entries_are_repeated_the_records_are_those_of_once(
    empty: Path, tmp_path_factory: pytest.TempPathFactory, windows: list[list[int]]
) -> None:
    """Windows of a stream, each beginning no later than where the last that was applied ended."""
    entries = [
        Change(seq, examples.container(container_id=f"box-{seq % 3}", updated_at=at(seq)))
        for seq in range(1, 13)
    ]

    async def apply_all() -> list[Container]:
        store = await RecordStore.open(url_of(copy_of(empty, tmp_path_factory.mktemp("repeated"))))
        done = 0
        for first, last in [*windows, [0, 12]]:
            first = min(first, done)
            done = max(done, last)
            await store.apply(TENANT, Position("s", "e", last), entries[first:last])
        found = (await store.page(TENANT, kinds.CONTAINERS)).items
        await store.close()
        return sorted(found, key=lambda one: one.container_id)

    newest = {one.record.container_id: one.record for one in entries if isinstance(one.record, Container)}
    assert asyncio.run(apply_all()) == [newest[name] for name in sorted(newest)]


async def test_records_outlive_the_process(empty: Path, tmp_path: Path) -> None:
    url = url_of(copy_of(empty, tmp_path))
    first = await RecordStore.open(url)
    await put(first, examples.container())
    await first.close()

    again = await RecordStore.open(url)
    assert await again.get(TENANT, kinds.CONTAINERS, "box-1") == examples.container()
    await again.close()


async def test_a_database_that_was_not_migrated_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="migrate it"):
        await RecordStore.open(url_of(tmp_path / "new.db"))


async def test_a_folder_that_is_not_there_is_said_to_be_unavailable(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailableError):
        await RecordStore.open(url_of(tmp_path / "missing" / "records.db"))


async def test_a_store_that_is_stuck_is_given_up(store: RecordStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.records.database.TRANSACTION_S", 0.0)

    with pytest.raises(JournalUnavailableError, match="TimeoutError"):
        await store.get(TENANT, kinds.CONTAINERS, "box-1")


async def test_a_write_that_has_to_wait_is_given_up_and_the_next_is_served(
    empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.records.database.CONNECT_S", 0.05)
    path = copy_of(empty, tmp_path)
    store = await RecordStore.open(url_of(path))
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(JournalUnavailableError):
        await put(store, examples.container())

    other.close()
    await put(store, examples.container())
    assert await store.get(TENANT, kinds.CONTAINERS, "box-1") == examples.container()
    await store.close()


async def test_a_deadline_that_passes_leaves_the_store_in_use(
    store: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("actors.records.database.TRANSACTION_S", 0.001)
        every = [examples.metric(metric_id=number(n)) for n in range(500)]
        with pytest.raises(JournalUnavailableError):
            await put(store, *every)

    await put(store, examples.container())
    assert await store.get(TENANT, kinds.METRICS, number(1)) is None
    assert await store.get(TENANT, kinds.CONTAINERS, "box-1") == examples.container()


@pytest.mark.parametrize("url", ["postgresql://canary:swordfish@h/n", "swordfish", "mysql+asyncmy://h/n"])
async def test_another_kind_of_database_is_refused_without_its_address(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        await RecordStore.open(url)

    assert "swordfish" not in str(refused.value)
