"""Writing what many streams say in one commit, each from exactly where whoever writes believes it to be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, bindparam, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.errors import InternalError
from actors.records.kinds import kind_of
from actors.records.merging import upsert_by
from actors.records.models import Record
from actors.records.outgoing import Outgoing, put_out
from actors.records.rows import Row, apart, to_row
from actors.records.tables import PAYLOADS, POSITIONS, SET_ASIDE
from actors.records.writing import Change, How, Position, check_protocols, insert_into, upsert

_NOWHERE: Final = ""
"""The epoch in the row of a stream of which nothing was applied yet."""


class Standing(Struct, frozen=True):
    """How far a stream was applied, and the state that was left for whoever goes on."""

    installation_id: str
    position: Position
    state: bytes | None


class SetAside(Struct, frozen=True):
    """An entry that no records could be made of. ``reason`` holds nothing of what the entry says."""

    seq: int
    kind: str
    reason: str
    at: datetime


class AsideEntry(Struct, frozen=True):
    """An entry that was set aside, and where it is."""

    installation_id: str
    stream: str
    epoch: str
    entry: SetAside


class StreamBatch(Struct, frozen=True):
    """What follows in one stream on ``since``, or from its beginning: records, and entries without any.

    ``messages`` go to the outbox, in the same commit.

    ``upto`` may be where ``since`` is: a stream's record can change without an entry.
    """

    installation_id: str
    since: Standing | None
    upto: Position
    state: bytes
    changes: Sequence[Change] = ()
    aside: Sequence[SetAside] = ()
    messages: Sequence[Outgoing] = ()

    @property
    def standing(self) -> Standing:
        """Where the stream stands once this was applied."""
        return Standing(self.installation_id, self.upto, self.state)


async def apply_batches(connection: AsyncConnection, batches: Sequence[StreamBatch]) -> list[bool]:
    """Apply those whose stream stands where they begin; returns which did, in order."""
    # In one order always, so that two who do this at the same time wait and never for each other.
    found = await _lock(connection, sorted((one.installation_id, one.upto.stream) for one in batches))
    fits = [_fits(batch, found) for batch in batches]
    taken = [batch for batch, does in zip(batches, fits, strict=True) if does]
    if taken:
        await _move(connection, taken)
        await write_changes(connection, taken)
        await _put_aside(connection, taken)
        told = ((one.installation_id, one.upto.stream, one.messages) for one in taken)
        await put_out(connection, told)
    return fits


async def read_standings(
    connection: AsyncConnection, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[Standing]:
    """Where streams stand, in the order of installation and stream."""
    columns = POSITIONS.c
    asked = (
        select(POSITIONS)
        .where(columns.epoch != _NOWHERE, *conditions)
        .order_by(columns.installation_id, columns.stream)
        .limit(limit)
    )
    rows = (await connection.execute(asked)).all()
    return [
        Standing(row.installation_id, Position(row.stream, row.epoch, row.seq), row.state) for row in rows
    ]


async def read_aside(
    connection: AsyncConnection, installation_id: str | None, limit: int
) -> list[AsideEntry]:
    """What was set aside, in the order of installation, stream and seq."""
    columns = SET_ASIDE.c
    asked = select(SET_ASIDE).order_by(*SET_ASIDE.primary_key.columns).limit(limit)
    if installation_id is not None:
        asked = asked.where(columns.installation_id == installation_id)
    return [
        AsideEntry(
            row.installation_id, row.stream, row.epoch, SetAside(row.seq, row.kind, row.reason, row.at)
        )
        for row in (await connection.execute(asked)).all()
    ]


async def replace_aside(
    connection: AsyncConnection, installation_id: str, stream: str, left: Sequence[SetAside]
) -> None:
    """Forget what was set aside of a stream, but for those that are left."""
    columns = SET_ASIDE.c
    others = columns.seq.not_in([entry.seq for entry in left])
    its_own = (columns.installation_id == installation_id) & (columns.stream == stream)
    await connection.execute(delete(SET_ASIDE).where(its_own & others))
    for entry in left:
        reason = update(SET_ASIDE).where(its_own & (columns.seq == entry.seq)).values(reason=entry.reason)
        await connection.execute(reason)


async def write_changes(connection: AsyncConnection, batches: Sequence[StreamBatch]) -> None:
    """Write the records alone. Raises InvalidParamsError and InternalError."""
    now = datetime.now(UTC)
    payloads: list[Row] = []
    rows: defaultdict[tuple[str, How], list[Row]] = defaultdict(list)
    touched: defaultdict[str, list[Record]] = defaultdict(list)
    tables = {}
    for batch in batches:
        for change in batch.changes:
            if change.record.installation_id != batch.installation_id:
                raise InternalError("a record of one installation was to be written for another")
            kind = kind_of(change.record)
            record, kept_apart = apart(change.record)
            payloads += (payload.row(batch.installation_id, now) for payload in kept_apart)
            rows[kind.table.name, change.how].append(to_row(kind, record, batch.upto.stream, change.seq))
            tables[kind.table.name] = kind.table
            touched[batch.installation_id].append(record)
    if payloads:
        await upsert(connection, PAYLOADS, payloads)
    for (name, how), group in rows.items():
        await upsert_by(connection, tables[name], group, how)
    for installation_id, records in touched.items():
        await check_protocols(connection, installation_id, records)


def is_one_of(keys: Iterable[tuple[str, str]]) -> ColumnElement[bool]:
    """A condition: the position of one of these streams, each with its installation."""
    return tuple_(POSITIONS.c.installation_id, POSITIONS.c.stream).in_(list(keys))


async def _lock(
    connection: AsyncConnection, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[str, int, bytes | None]]:
    """The rows of the streams, made where there are none; nobody else moves them until we commit."""
    blank = [
        {"installation_id": installation_id, "stream": stream, "epoch": _NOWHERE, "seq": 0}
        for installation_id, stream in keys
    ]
    await connection.execute(insert_into(connection, POSITIONS).on_conflict_do_nothing(), blank)
    asked = select(POSITIONS).where(is_one_of(keys)).with_for_update()
    rows = (await connection.execute(asked)).all()
    return {(row.installation_id, row.stream): (row.epoch, row.seq, row.state) for row in rows}


def _fits(batch: StreamBatch, found: dict[tuple[str, str], tuple[str, int, bytes | None]]) -> bool:
    epoch, seq, state = found[batch.installation_id, batch.upto.stream]
    since = batch.since
    if since is None:
        return epoch == _NOWHERE
    return (epoch, seq, state) == (since.position.epoch, since.position.seq, since.state)


async def _move(connection: AsyncConnection, batches: Sequence[StreamBatch]) -> None:
    columns = POSITIONS.c
    moved = (
        update(POSITIONS)
        .where(columns.installation_id == bindparam("of"), columns.stream == bindparam("named"))
        .values(epoch=bindparam("to_epoch"), seq=bindparam("to_seq"), state=bindparam("to_state"))
    )
    rows = [
        {
            "of": batch.installation_id,
            "named": batch.upto.stream,
            "to_epoch": batch.upto.epoch,
            "to_seq": batch.upto.seq,
            "to_state": batch.state,
        }
        for batch in batches
    ]
    await connection.execute(moved, rows)


async def _put_aside(connection: AsyncConnection, batches: Sequence[StreamBatch]) -> None:
    rows = [
        {
            "installation_id": batch.installation_id,
            "stream": batch.upto.stream,
            "epoch": batch.upto.epoch,
            "seq": entry.seq,
            "kind": entry.kind[:200],
            "reason": entry.reason,
            "at": entry.at,
        }
        for batch in batches
        for entry in batch.aside
    ]
    if rows:
        await upsert(connection, SET_ASIDE, rows)
