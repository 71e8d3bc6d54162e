"""The schema of the records' database: bringing it up to date, and seeing that it is.

A migration is one transaction, so that one that fails leaves the database as it was. Several processes may
ask for it at the same time: the first does it, the others wait and find it done.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.errors import InternalError, SettingsError
from actors.records.database import make_engine
from actors.records.refusals import translated

MIGRATION_S: Final = 600.0
_FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x6C756D69
"""The name of PostgreSQL's advisory lock; any number that nobody else takes."""


async def migrate(url: str, revision: str = "head") -> None:
    """Bring the schema to a revision, the newest unless told.

    Raises SettingsError for a URL that is none of ours, and JournalUnavailableError.
    """
    # SQLite rebuilds a table to change it, and would delete what refers to the old one.
    engine = make_engine(url, statement_s=MIGRATION_S, foreign_keys=False)
    try:
        with translated():
            async with asyncio.timeout(MIGRATION_S), engine.begin() as connection:
                await _take_turn(connection)
                await connection.run_sync(_upgrade, revision)
                await _check_references(connection)
    finally:
        await engine.dispose()


async def check_schema(connection: AsyncConnection) -> None:
    """Raises SettingsError unless the database is at the newest revision."""
    found = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    if found != newest_revision():
        raise SettingsError(
            f"records: the database is at revision {found or 'none'}, not at {newest_revision()}; migrate it"
        )


def newest_revision() -> str | None:
    """The revision that this code was written for."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's settings; there is no file of them, since the URL is a secret and comes from ours."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection, revision: str) -> None:
    command.upgrade(alembic_config(connection), revision)


async def _take_turn(connection: AsyncConnection) -> None:
    if connection.dialect.name == "sqlite":
        await connection.execute(text("BEGIN IMMEDIATE"))
    else:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def _check_references(connection: AsyncConnection) -> None:
    """SQLite was told not to look at references while tables were rebuilt. Raises InternalError."""
    if (
        connection.dialect.name == "sqlite"
        and (await connection.execute(text("PRAGMA foreign_key_check"))).all()
    ):
        raise InternalError("the migration would leave records that refer to what is not there")
