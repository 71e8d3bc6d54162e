"""A database that was migrated, for each test."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors.records import migrate
from actors.records.database import Database


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("jobs") / "empty.db"
    asyncio.run(migrate(url_of(path)))
    return path


@pytest.fixture
async def database(empty: Path, tmp_path: Path) -> AsyncIterator[Database]:
    database = Database.at(url_of(Path(shutil.copy(empty, tmp_path / "records.db"))))
    yield database
    await database.close()
