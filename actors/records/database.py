"""The records' database: SQLite in one file by default, PostgreSQL 15 or later for a cluster.

Source: sqlite.org/pragma.html, sqlite.org/wal.html; PostgreSQL's documentation of client connection defaults.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from actors.errors import JournalUnavailableError, SettingsError
from actors.records.refusals import translated

CONNECT_S: Final = 5.0
STATEMENT_S: Final = 10.0
TRANSACTION_S: Final = 20.0
"""The deadline of everything that is asked of the database, the wait for a connection included."""

_FORMS: Final = "sqlite+aiosqlite:///PATH or postgresql+asyncpg://USER@HOST/NAME"


class Database:
    """A pool of connections. Transactions have a deadline; all else is SQLAlchemy's."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @classmethod
    def at(cls, url: str) -> Database:
        """The database that a URL names; nothing is connected yet. Raises SettingsError."""
        return cls(make_engine(url))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Committed at its end, rolled back by any error.

        Raises InvalidParamsError where the rows' own rules were hurt, and JournalUnavailableError.
        """
        with translated():
            async with asyncio.timeout(TRANSACTION_S), self._engine.begin() as connection:
                yield connection

    async def empty_log(self) -> None:
        """Bring SQLite's log into its file and cut it to nothing, unless others keep reading in it.

        Raises JournalUnavailableError.
        """
        if self._engine.dialect.name == "sqlite":
            with translated():
                async with asyncio.timeout(TRANSACTION_S), self._engine.connect() as connection:
                    await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        """Let go of all connections."""
        await self._engine.dispose()


def make_engine(url: str, *, statement_s: float = STATEMENT_S, foreign_keys: bool = True) -> AsyncEngine:
    """An engine for either database. Parameters, which are rows, stay out of its errors and logs.

    Raises SettingsError for another URL, JournalUnavailableError where a file's folder is not there.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError(f"records: expected {_FORMS}") from None
    driver = parsed.drivername
    if driver == "sqlite+aiosqlite":
        # Seen here, as aiosqlite's thread outlives a connection that cannot be made, and may its loop, too.
        if not Path(parsed.database or "").parent.is_dir():
            raise JournalUnavailableError("records: the folder of the database is not there")
        engine = _engine(url, connect_args={"timeout": CONNECT_S})
        _prepare_sqlite(engine, foreign_keys)
        return engine
    if driver == "postgresql+asyncpg":
        return _engine(url, pool_recycle=1800, connect_args=_postgres_arguments(statement_s))
    raise SettingsError(f"records: expected {_FORMS}")


def _engine(url: str, **more: Any) -> AsyncEngine:
    return create_async_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=5,
        pool_timeout=CONNECT_S,
        json_serializer=lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        **more,
    )


def _postgres_arguments(statement_s: float) -> dict[str, object]:
    milliseconds = str(int(statement_s * 1000))
    return {
        "timeout": CONNECT_S,
        "command_timeout": statement_s + 1.0,
        "server_settings": {
            "application_name": "lumilink",
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": str(int(TRANSACTION_S * 1000)),
        },
    }


def _prepare_sqlite(engine: AsyncEngine, foreign_keys: bool) -> None:
    pragmas = (
        "PRAGMA journal_mode = WAL",
        # A commit may be lost with the machine's power, but never the file; the journal has it all anyway.
        "PRAGMA synchronous = NORMAL",
        f"PRAGMA busy_timeout = {int(CONNECT_S * 1000)}",
        # What is erased is overwritten. Debian's SQLite does so anyway, others only if told.
        "PRAGMA secure_delete = ON",
        f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}",
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()
