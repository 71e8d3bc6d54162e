"""API keys in the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from unit.rights.key_store_conformance import KeyStoreConformance

from actors.errors import RightsUnavailableError
from actors.records import migrate
from serve.rights.api_keys import mint
from serve.rights.key_store import KeyStore
from serve.rights.roles import Role


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[KeyStore]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'records.db'}"
    await migrate(url)
    store = KeyStore(url)
    yield store
    await store.close()


class TestKeyStore(KeyStoreConformance):
    """On SQLite."""


async def test_the_secret_is_not_in_the_file(tmp_path: Path, store: KeyStore):
    key, text = mint("acme", "ann", [Role.USER])
    await store.add(key)
    await store.close()

    kept = b"".join(path.read_bytes() for path in tmp_path.glob("records.db*"))
    assert key.digest.encode() in kept
    assert text.rpartition("_")[2].encode() not in kept


async def test_a_database_that_is_not_there_is_told_as_such(tmp_path: Path):
    store = KeyStore(f"sqlite+aiosqlite:///{tmp_path / 'none' / 'records.db'}")

    with pytest.raises(RightsUnavailableError):
        await store.find("0" * 16)
