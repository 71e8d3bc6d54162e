"""What becomes of a record that is there already: replaced, by any or a newer one, united, or added to.

A record that several streams speak of has to come out the same in whatever order they are read. So where
that can be, the newest word stands, sets only grow and numbers are added up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, case, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.errors import InternalError
from actors.records.rows import Row
from actors.records.tables import CONNECTIONS, CONTAINERS, METRICS
from actors.records.writing import How, insert_into, upsert

Insert = postgresql.Insert | sqlite.Insert


async def upsert_by(connection: AsyncConnection, table: Table, rows: Sequence[Row], how: How) -> None:
    """Write rows of one table in their order. Raises InternalError where a table knows no such way."""
    if how is How.REPLACE:
        await upsert(connection, table, rows)
        return
    ways: dict[tuple[Table, How], Callable[[AsyncConnection, Sequence[Row]], Any]] = {
        (CONNECTIONS, How.NEWEST): _keep_newest,
        (CONTAINERS, How.UNITE): _unite,
        (METRICS, How.ADD): _add,
    }
    way = ways.get((table, how))
    if way is None:
        raise InternalError(f"{table.name} are not written by {how.value}")
    await way(connection, rows)


async def _keep_newest(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    """Of connections the one that was active last; its beginning is the earliest that is known."""
    insert, old = insert_into(connection, CONNECTIONS), CONNECTIONS.c
    new = insert.excluded
    is_newer = new.last_active >= old.last_active
    set_: dict[str, ColumnElement[Any]] = {
        name: case((is_newer, new[name]), else_=old[name])
        for name in rows[0]
        if name not in ("installation_id", "connection_id")
    }
    set_["created_at"] = _least(old.created_at, new.created_at)
    done = insert.on_conflict_do_update(index_elements=["installation_id", "connection_id"], set_=set_)
    await connection.execute(done, list(rows))


async def _add(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    """Measured values: their sum."""
    insert, old = insert_into(connection, METRICS), METRICS.c
    new = insert.excluded
    set_ = {"value": old.value + new.value, "stream": new.stream, "seq": new.seq}
    done = insert.on_conflict_do_update(index_elements=["installation_id", "metric_id"], set_=set_)
    await connection.execute(done, list(rows))


async def _unite(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    """Containers: all protocols that were seen, and the preference that was heard of last."""
    columns = CONTAINERS.c
    keys = sorted({(row["installation_id"], row["container_id"]) for row in rows})
    asked = (
        select(CONTAINERS)
        .where(tuple_(columns.installation_id, columns.container_id).in_(keys))
        .with_for_update()
    )
    known: dict[tuple[str, str], Row] = {
        (row["installation_id"], row["container_id"]): dict(row)
        for row in (await connection.execute(asked)).mappings()
    }
    for row in rows:
        key = (row["installation_id"], row["container_id"])
        known[key] = _united(known[key], row) if key in known else row
    await upsert(connection, CONTAINERS, [known[key] for key in keys])


_ORDER: Final = ("http", "acp")


def _united(old: Row, new: Row) -> Row:
    newer = new if new["updated_at"] >= old["updated_at"] else old
    supported = {*old["supported_protocols"], *new["supported_protocols"]}
    return newer | {
        "supported_protocols": [one for one in _ORDER if one in supported],
        "created_at": min(old["created_at"], new["created_at"]),
    }


def _least(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((one <= other, one), else_=other)
