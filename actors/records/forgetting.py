"""Deleting what is to be forgotten, of a session or of an installation, in steps that are short.

A stream that was forgotten keeps its position, each time in another epoch that begins with ``FORGOTTEN``. So
what a projector had read of it and has not written yet does not fit any more, and comes to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from secrets import token_hex
from typing import Final

from sqlalchemy import ColumnElement, Table, and_, delete, exists, func, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.records.kinds import KINDS
from actors.records.outgoing import take_back
from actors.records.tables import (
    API_KEYS,
    AUTOMATIONS,
    CONFIGURATIONS,
    CONNECTIONS,
    CONTAINERS,
    ERASURES,
    INSTANCE_LOGS,
    MESSAGES,
    METADATA,
    MIGRATIONS,
    PAYLOADS,
    POSITIONS,
    SESSIONS,
    SET_ASIDE,
    TRANSCRIPTS,
)
from actors.records.writing import insert_into

FORGOTTEN: Final = "forgotten"
STEP_ROWS: Final = 2_000
MERGE_PAGES: Final = 200

KEPT: Final = frozenset({ERASURES.name, API_KEYS.name, POSITIONS.name})
"""What stays of an installation: receipts, whose keys did what, and that its streams were forgotten."""
ERASED: Final = tuple(table for table in reversed(METADATA.sorted_tables) if table.name not in KEPT)
"""All other tables, each before those that it refers to."""

_OF_SESSION: Final = ((MESSAGES, "payload_ref"), (TRANSCRIPTS, "context_ref"), (AUTOMATIONS, "logs_ref"))
_REFERENCES: Final = tuple(
    (kind.table, f"{member}_ref") for kind in KINDS for member in kind.model.by_reference
)


async def mark_forgotten(connection: AsyncConnection, installation_id: str, stream: str) -> None:
    """Nothing that was read of the stream until now is written any more."""
    key = {"installation_id": installation_id, "stream": stream}
    forgotten = {"epoch": f"{FORGOTTEN}-{token_hex(8)}", "seq": 0, "state": None}
    insert = insert_into(connection, POSITIONS)
    done = insert.on_conflict_do_update(index_elements=list(key), set_=forgotten)
    await connection.execute(done, key | forgotten)


async def forget_session(
    connection: AsyncConnection, installation_id: str, stream: str, session_id: str
) -> tuple[int, bool]:
    """Delete up to STEP_ROWS records of each kind; returns how many those were, and whether that was all."""
    await mark_forgotten(connection, installation_id, stream)
    rows, is_done = 0, True
    for table, reference in _OF_SESSION:
        found = await _delete_some(connection, table, installation_id, session_id, reference)
        rows += found
        is_done = is_done and found < STEP_ROWS
    if is_done:
        rows += await _forget_links(connection, installation_id, stream, session_id)
    return rows, is_done


async def forget_installation(connection: AsyncConnection, installation_id: str) -> tuple[int, bool]:
    """Delete up to STEP_ROWS rows of one table; returns how many those were, and whether that was all."""
    for table in ERASED:
        keys = tuple(table.primary_key.columns)
        some = select(*keys).where(_of(table, installation_id)).limit(STEP_ROWS)
        done = await connection.execute(delete(table).where(tuple_(*keys).in_(some)))
        if done.rowcount:
            return done.rowcount, False
    return 0, True


async def count_rows(connection: AsyncConnection, installation_id: str) -> int:
    """How many rows ``forget_installation`` would delete."""
    counts = [select(func.count()).select_from(one).where(_of(one, installation_id)) for one in ERASED]
    return sum([await connection.scalar(one) or 0 for one in counts])


async def count_session_rows(connection: AsyncConnection, installation_id: str, session_id: str) -> int:
    """How many rows ``forget_session`` would delete, but for connections and containers."""
    total = 0
    for table in (*(one for one, _ in _OF_SESSION), SESSIONS):
        wanted = and_(_of(table, installation_id), table.c.session_id == session_id)
        total += await connection.scalar(select(func.count()).select_from(table).where(wanted)) or 0
    return total


async def sessions_of(connection: AsyncConnection, installation_id: str, user: str) -> list[tuple[str, str]]:
    """The recorded sessions that a user opened: the id and the stream of each."""
    wanted = and_(_of(SESSIONS, installation_id), SESSIONS.c.user_id == user)
    asked = select(SESSIONS.c.session_id, SESSIONS.c.stream).where(wanted).order_by(SESSIONS.c.session_id)
    return [(row.session_id, row.stream) for row in (await connection.execute(asked)).all()]


async def sessions_before(
    connection: AsyncConnection, installation_id: str, before: datetime, limit: int
) -> list[tuple[str, str]]:
    """The recorded sessions that were used last before a moment, the oldest first, as ``sessions_of``."""
    columns = SESSIONS.c
    wanted = and_(_of(SESSIONS, installation_id), columns.updated_at < before.astimezone(UTC))
    asked = select(columns.session_id, columns.stream).where(wanted).order_by(columns.updated_at).limit(limit)
    return [(row.session_id, row.stream) for row in (await connection.execute(asked)).all()]


async def merge_words(connection: AsyncConnection, *, begin: bool) -> bool:
    """Merge SQLite's index of words a little further; false once nothing of what was deleted is in it.

    PostgreSQL keeps words in the rows themselves.
    Source: sqlite.org/fts5.html, sections 6.9 and 6.10.
    """
    if connection.dialect.name != "sqlite":
        return False
    before = await connection.scalar(text("SELECT total_changes()")) or 0
    pages = -MERGE_PAGES if begin else MERGE_PAGES
    merge = text("INSERT INTO transcript_words (transcript_words, rank) VALUES ('merge', :pages)")
    await connection.execute(merge, {"pages": pages})
    after = await connection.scalar(text("SELECT total_changes()")) or 0
    return bool(begin or after - before >= 2)


async def _delete_some(
    connection: AsyncConnection, table: Table, installation_id: str, session_id: str, reference: str
) -> int:
    """Records of a session, and the values kept apart that nothing else refers to."""
    columns, [_, key] = table.c, table.primary_key.columns
    wanted = and_(_of(table, installation_id), columns.session_id == session_id)
    found = (await connection.execute(select(key, columns[reference]).where(wanted).limit(STEP_ROWS))).all()
    for part in _parts([row[0] for row in found]):
        await connection.execute(delete(table).where(_of(table, installation_id), key.in_(part)))
    for part in _parts(sorted({row[1] for row in found if row[1] is not None})):
        unused = and_(*(~_refers(one, name) for one, name in _REFERENCES))
        its_own = and_(_of(PAYLOADS, installation_id), PAYLOADS.c.sha256.in_(part))
        await connection.execute(delete(PAYLOADS).where(its_own, unused))
    return len(found)


async def _forget_links(
    connection: AsyncConnection, installation_id: str, stream: str, session_id: str
) -> int:
    """The session itself, and the connections, containers and their logs that no other session has."""
    sessions, connections = SESSIONS.c, CONNECTIONS.c
    wanted = and_(_of(SESSIONS, installation_id), sessions.session_id == session_id)
    row = (await connection.execute(select(sessions.workspace_id).where(wanted))).one_or_none()
    done = await connection.execute(delete(SESSIONS).where(wanted))
    rows = done.rowcount
    aside = delete(SET_ASIDE).where(_of(SET_ASIDE, installation_id), SET_ASIDE.c.stream == stream)
    rows += (await connection.execute(aside)).rowcount
    rows += await take_back(connection, installation_id, stream, session_id)
    if row is None:
        return rows
    here = and_(_of(CONNECTIONS, installation_id), connections.workspace_id == row.workspace_id)
    unused = ~or_(
        _exists(MESSAGES, "connection_id", CONNECTIONS, "connection_id"),
        _exists(SESSIONS, "acp_connection_id", CONNECTIONS, "connection_id"),
    )
    its_own = delete(CONNECTIONS).where(here, connections.stream == stream, unused)
    rows += (await connection.execute(its_own)).rowcount
    here = and_(_of(CONTAINERS, installation_id), CONTAINERS.c.workspace_id == row.workspace_id)
    users = (SESSIONS, CONNECTIONS, MIGRATIONS, CONFIGURATIONS)
    unused = ~or_(*(_exists(one, "container_id", CONTAINERS, "container_id") for one in users))
    empty = and_(here, CONTAINERS.c.stream == stream, unused)
    gone = list((await connection.scalars(select(CONTAINERS.c.container_id).where(empty))).all())
    lines = delete(INSTANCE_LOGS).where(
        _of(INSTANCE_LOGS, installation_id), INSTANCE_LOGS.c.instance_id.in_(gone)
    )
    rows += (await connection.execute(lines)).rowcount
    return rows + (await connection.execute(delete(CONTAINERS).where(empty))).rowcount


def _of(table: Table, installation_id: str) -> ColumnElement[bool]:
    return table.c.installation_id == installation_id


def _exists(table: Table, column: str, other: Table, key: str) -> ColumnElement[bool]:
    same = table.c.installation_id == other.c.installation_id
    return exists().where(same, table.c[column] == other.c[key])


def _refers(table: Table, reference: str) -> ColumnElement[bool]:
    return _exists(table, reference, PAYLOADS, "sha256")


def _parts(values: Sequence[str]) -> list[Sequence[str]]:
    """So many at a time as every database takes as parameters."""
    return [values[begin : begin + 500] for begin in range(0, len(values), 500)]
