"""The record store and its migrations on a real PostgreSQL keep what they promise."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import text
from support.postgres_server import PostgresServer
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
from unit.records.examples import TENANT
from unit.records.migration_conformance import MigrationConformance
from unit.records.search_conformance import SearchConformance

from actors.errors import JournalUnavailableError
from actors.records import RecordStore, kinds, migrate
from actors.records.database import make_engine

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="module")
def migrated(server: PostgresServer) -> str:
    """A database with the newest schema, for all tests of this module."""
    url = server.create_database("records")
    asyncio.run(migrate(url))
    return url


@pytest.fixture
def url(server: PostgresServer) -> str:
    """An empty database of the test's own."""
    return server.create_database(f"empty_{next(_NUMBERS)}")


@pytest.fixture
async def store(migrated: str) -> AsyncIterator[RecordStore]:
    store = await RecordStore.open(migrated)
    yield store
    for installation in (TENANT, "other"):
        await store.clear(installation)
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


class TestMigrations(MigrationConformance):
    pass


async def test_a_lost_connection_is_replaced(store: RecordStore, migrated: str) -> None:
    await put(store, examples.container())

    engine = make_engine(migrated)
    async with engine.begin() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        await connection.execute(text(f"{others} AND datname = current_database()"))
    await engine.dispose()

    assert await store.get(TENANT, kinds.CONTAINERS, "box-1") == examples.container()


async def test_a_statement_that_has_to_wait_is_given_up_and_the_next_is_served(
    store: RecordStore, migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(migrated)
    async with engine.begin() as connection:
        await connection.execute(text("LOCK TABLE containers"))
        with monkeypatch.context() as patched:
            patched.setattr("actors.records.database.TRANSACTION_S", 0.2)
            with pytest.raises(JournalUnavailableError):
                await put(store, examples.container())
    await engine.dispose()

    await put(store, examples.container())
    assert await store.get(TENANT, kinds.CONTAINERS, "box-1") == examples.container()


async def test_a_server_that_is_gone_is_said_to_be_unavailable() -> None:
    with PostgresServer() as mortal:
        url = mortal.create_database("records")
        await migrate(url)
        store = await RecordStore.open(url)

    with pytest.raises(JournalUnavailableError) as refused:
        await store.get(TENANT, kinds.CONTAINERS, "box-1")

    assert url not in str(refused.value)
    await store.close()
