"""An erasure on Redis and PostgreSQL does what it does on files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import pytest
from support.postgres_server import PostgresServer
from support.redis_server import BINARY, RedisServer
from unit.retention import test_erasure as on_files
from unit.retention import test_sweep as swept
from unit.retention.retention_world import ANN_S_CANARY, World

from actors.journal.redis import RedisJournal
from actors.journal.sqlite import SqliteJournal
from actors.records import RecordStore, kinds, migrate
from actors.records.search import Search
from actors.retention import eraser as erasing

if BINARY is None:
    pytest.skip("redis-server is not installed", allow_module_level=True)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
async def world(
    redis_url: str,
    server: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> AsyncIterator[World]:
    monkeypatch.setattr(erasing, "TOLD_S", 0.0)
    url = server.create_database(request.node.name.lower())
    await migrate(url)
    journal = await RedisJournal.open(redis_url)
    for stream in await journal.streams():
        await journal.delete(stream)
    made = World(cast("SqliteJournal", journal), await RecordStore.open(url), tmp_path)
    yield made
    await made.close()


async def test_a_subject(world: World) -> None:
    await on_files.filled(world)

    done = await world.erased("ann")
    await world.project()

    assert done.sessions == 2
    assert await world.journal.streams("acme/") == ["acme/s3"]
    assert [one.session_id for one in await world.all(kinds.SESSIONS)] == ["s3"]  # type: ignore[attr-defined]  # they are sessions
    assert not (await world.store.search("acme", Search(ANN_S_CANARY))).items
    assert len(await world.all(kinds.ERASURES)) == 1


async def test_an_installation(world: World) -> None:
    await on_files.filled(world)

    await world.erased()
    await world.project()

    assert [one for one in await world.journal.streams() if "acme" in one] == ["!erasure/acme"]
    assert not await world.all(kinds.MESSAGES)
    assert len(await world.all(kinds.SESSIONS, "other")) == 1


async def test_a_sweep(world: World) -> None:
    await swept.old_and_new(world)

    await swept.sweeper(world, messages=5, metrics=5, sessions=5, journal=5).sweep(swept.LATER)

    assert await swept.ids(world) == ["new"]
    assert await world.journal.streams("acme/") == ["acme/new"]
