"""Jobs on a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from support.postgres_server import PostgresServer
from unit.jobs.job_conformance import JobConformance

from actors.records import migrate
from actors.records.database import Database

pytestmark = [pytest.mark.integration]

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
async def database(server: PostgresServer) -> AsyncIterator[Database]:
    url = server.create_database(f"jobs_{next(_NUMBERS)}")
    await migrate(url)
    database = Database.at(url)
    yield database
    await database.close()


class TestJobs(JobConformance):
    """On PostgreSQL."""
