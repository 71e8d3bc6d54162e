"""API keys on a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from support.postgres_server import PostgresServer
from unit.rights.key_store_conformance import KeyStoreConformance

from actors.records import migrate
from serve.rights.key_store import KeyStore

pytestmark = [pytest.mark.integration]

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
async def store(server: PostgresServer) -> AsyncIterator[KeyStore]:
    url = server.create_database(f"keys_{next(_NUMBERS)}")
    await migrate(url)
    store = KeyStore(url)
    yield store
    await store.close()


class TestKeyStore(KeyStoreConformance):
    """On PostgreSQL."""
