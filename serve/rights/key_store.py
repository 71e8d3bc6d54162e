"""API keys in the records' database, which all replicas share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from actors import errors
from actors.records.database import Database
from actors.records.tables.credentials import API_KEYS
from serve.rights.api_keys import ApiKey
from serve.rights.roles import Role

ANSWER_S: Final = 5.0
MAX_LISTED: Final = 1000
_C: Final = API_KEYS.c


class KeyStore:
    """Each method raises RightsUnavailableError if the database does not answer in 5 s."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._database: Database | None = None

    async def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        row = {
            "key_id": key.key_id,
            "installation_id": key.installation,
            "user_id": key.user,
            "roles": sorted(key.roles),
            "digest": key.digest,
            "last_four": key.last_four,
            "created_at": key.created_at,
            "expires_at": key.expires_at,
        }
        async with self._transaction() as connection:
            await connection.execute(insert(API_KEYS).values(row))

    async def revoke(self, installation: str, key_id: str) -> bool:
        """Let a key be good no more; False if the installation has none such. The first time counts."""
        theirs = (_C.key_id == key_id) & (_C.installation_id == installation)
        async with self._transaction() as connection:
            ended = (
                update(API_KEYS).where(theirs, _C.revoked_at.is_(None)).values(revoked_at=datetime.now(UTC))
            )
            if (await connection.execute(ended)).rowcount:
                return True
            return (await connection.execute(select(_C.key_id).where(theirs))).first() is not None

    async def owned_by(self, installation: str) -> list[ApiKey]:
        """The newest keys of an installation, at most 1,000, the newest first."""
        asked = (
            select(API_KEYS)
            .where(_C.installation_id == installation)
            .order_by(_C.created_at.desc(), _C.key_id)
            .limit(MAX_LISTED)
        )
        async with self._transaction() as connection:
            rows = (await connection.execute(asked)).mappings().all()
        return [_key(row) for row in rows]

    async def find(self, key_id: str) -> ApiKey | None:
        """A key of any installation."""
        async with self._transaction() as connection:
            found = await connection.execute(select(API_KEYS).where(_C.key_id == key_id))
            row = found.mappings().one_or_none()
        return None if row is None else _key(row)

    async def revoked_since(self, moment: datetime) -> list[str]:
        """The ids of the keys that were revoked after a moment."""
        async with self._transaction() as connection:
            found = await connection.scalars(select(_C.key_id).where(_C.revoked_at > moment))
            return list(found)

    async def close(self) -> None:
        """Let go of the database."""
        database, self._database = self._database, None
        if database is not None:
            await database.close()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        try:
            if self._database is None:
                self._database = Database.at(self._url)
            async with asyncio.timeout(ANSWER_S), self._database.transaction() as connection:
                yield connection
        except TimeoutError:
            raise errors.RightsUnavailableError(f"the API keys were not read in {ANSWER_S:g} s") from None
        except errors.LumiLinkError as error:
            raise errors.RightsUnavailableError(f"the API keys cannot be read: {error.detail}") from None


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(
        key_id=row["key_id"],
        installation=row["installation_id"],
        user=row["user_id"],
        roles=frozenset(Role(role) for role in row["roles"]),
        digest=row["digest"],
        last_four=row["last_four"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )
