"""Writing what a stream's entries say, once. SQLite and PostgreSQL share the form of an upsert."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from itertools import groupby

from msgspec import Struct
from sqlalchemy import Table, and_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.errors import InternalError, InvalidParamsError
from actors.records.kinds import CONTAINERS, SESSIONS, kind_of
from actors.records.models import Container, ContainerSession, Protocol, Record
from actors.records.rows import Row, apart, to_row
from actors.records.tables import PAYLOADS, POSITIONS


class Position(Struct, frozen=True):
    """How far a stream was read: all entries up to ``seq`` in its life ``epoch``."""

    stream: str
    epoch: str
    seq: int


class How(Enum):
    """What becomes of a record that is there already."""

    REPLACE = "replace"
    NEWEST = "newest"
    """Replaced, if the new one is not older: several streams speak of it (connections)."""
    UNITE = "unite"
    """The newest stands, and what it supports are the protocols of both (containers)."""
    ADD = "add"
    """Its value is added (metrics). Only what is written exactly once may be."""


class Change(Struct, frozen=True):
    """What the entry ``seq`` says of a record: the whole of it. ``how`` counts for ``apply_all`` only."""

    seq: int
    record: Record
    how: How = How.REPLACE


async def advance(connection: AsyncConnection, installation_id: str, upto: Position) -> int:
    """Move a stream's position on; returns the seq that was done before, 0 in another epoch.

    Its row is written first, or locked, so that two who apply the same stream come one after the other.
    """
    columns = POSITIONS.c
    row = {"installation_id": installation_id, "stream": upto.stream, "epoch": upto.epoch, "seq": 0}
    await connection.execute(insert_into(connection, POSITIONS).on_conflict_do_nothing(), row)
    its_row = and_(columns.installation_id == installation_id, columns.stream == upto.stream)
    epoch, seq = (
        await connection.execute(select(columns.epoch, columns.seq).where(its_row).with_for_update())
    ).one()
    done: int = seq if epoch == upto.epoch else 0
    if epoch != upto.epoch or upto.seq > done:
        await connection.execute(update(POSITIONS).where(its_row).values(epoch=upto.epoch, seq=upto.seq))
    return done


async def write(
    connection: AsyncConnection, installation_id: str, stream: str, changes: Sequence[Change]
) -> None:
    """Upsert what the changes say, in their order. Raises InvalidParamsError and InternalError."""
    now = datetime.now(UTC)
    payloads: list[Row] = []
    rows: list[tuple[Table, Row]] = []
    for change in changes:
        if change.record.installation_id != installation_id:
            raise InternalError("a record of one installation was to be written for another")
        kind = kind_of(change.record)
        record, kept_apart = apart(change.record)
        payloads += (payload.row(installation_id, now) for payload in kept_apart)
        rows.append((kind.table, to_row(kind, record, stream, change.seq)))
    if payloads:
        await upsert(connection, PAYLOADS, payloads)
    for table, group in groupby(rows, key=lambda one: one[0]):
        await upsert(connection, table, [row for _, row in group])
    await check_protocols(connection, installation_id, [change.record for change in changes])


async def upsert(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, or replace those with the same key, in their order."""
    keys = [column.name for column in table.primary_key]
    insert = insert_into(connection, table)
    replaced = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    await connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=replaced), rows)


def insert_into(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """The insert of the connection's database, which can say what to do where the key is there."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


async def check_protocols(
    connection: AsyncConnection, installation_id: str, records: Sequence[Record]
) -> None:
    """Sessions over ACP have a container that supports it; looked at after what touches either was written.

    Raises InvalidParamsError.
    """
    touched = {one.container_id for one in records if isinstance(one, Container | ContainerSession)}
    if not touched:
        return
    sessions, containers = SESSIONS.table.c, CONTAINERS.table.c
    found = await connection.execute(
        select(sessions.session_id, containers.supported_protocols)
        .join(
            CONTAINERS.table,
            (containers.installation_id == sessions.installation_id)
            & (containers.container_id == sessions.container_id),
        )
        .where(
            sessions.installation_id == installation_id,
            sessions.protocol_type == Protocol.ACP.value,
            sessions.container_id.in_(sorted(touched)),
        )
    )
    wrong = [session_id for session_id, supported in found if Protocol.ACP.value not in supported]
    if wrong:
        raise InvalidParamsError(f"protocolType: the container of {wrong[0]} does not support acp")
