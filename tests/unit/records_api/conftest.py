"""A reporting application in this process, over records in a file."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from unit.records.examples import TENANT

from actors.records import RecordStore, migrate
from serve.reporting.app import reporting_app
from serve.reporting.records.source import records
from serve.rights import Identity, Role
from serve.rights.gate import OpenGate, gate, put


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


class KnownGate(OpenGate):
    """Everybody is the same, and of the installation of the examples."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    async def identify(self, connection: object) -> Identity:
        return self.identity


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that was migrated and closed, to copy."""
    path = tmp_path_factory.mktemp("records") / "empty.db"
    asyncio.run(migrate(url_of(path)))
    return path


@pytest.fixture
def database(empty: Path, tmp_path: Path) -> str:
    return url_of(Path(shutil.copy(empty, tmp_path / "records.db")))


@pytest.fixture
async def store(database: str) -> AsyncIterator[RecordStore]:
    """The store that tests write to."""
    store = await RecordStore.open(database)
    yield store
    await store.close()


@pytest.fixture
def caller() -> Iterator[KnownGate]:
    """Who asks; a test may change it."""
    before = gate()
    known = KnownGate(Identity(TENANT, "ann", frozenset(Role), ""))
    put(known)
    yield known
    put(before)


@pytest.fixture
async def client(database: str, caller: KnownGate) -> AsyncIterator[httpx.AsyncClient]:
    records().use(database)
    transport = httpx.ASGITransport(reporting_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client
    await records().close()
