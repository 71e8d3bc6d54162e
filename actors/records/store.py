"""The records: written by whoever reads the journal, read by whoever reports.

Every method takes the installation first, and no statement is without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from pydantic import JsonValue
from sqlalchemy import ColumnElement, and_, delete, exists, select, tuple_

from actors.records import forgetting
from actors.records.batches import (
    AsideEntry,
    SetAside,
    Standing,
    StreamBatch,
    apply_batches,
    is_one_of,
    read_aside,
    read_standings,
    replace_aside,
    write_changes,
)
from actors.records.database import Database
from actors.records.figures import Figures, Speed, figures, speeds
from actors.records.kinds import KINDS, Kind
from actors.records.models import Protocol, Record, SessionTranscriptEntry
from actors.records.models.values import decoded, is_storable
from actors.records.queries import Page, Query, cursor_after, statement
from actors.records.rows import from_row
from actors.records.schema import check_schema
from actors.records.search import Search, search
from actors.records.service_levels import ServiceTotals, service_totals
from actors.records.tables import METRIC_TOTALS, METRICS, PAYLOADS, POSITIONS, SET_ASIDE
from actors.records.writing import Change, Position, advance, write

R = TypeVar("R", bound=Record)

PURGE_ROWS: Final = 5000
ORPHAN_AGE: Final = timedelta(hours=1)


class RecordStore:
    """All methods raise JournalUnavailableError; what they were asked may be repeated then."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, url: str) -> RecordStore:
        """The store at a URL. Its schema must be there: see ``migrate``.

        Raises SettingsError for another URL or schema.
        """
        database = Database.at(url)
        try:
            async with database.transaction() as connection:
                await check_schema(connection)
        except BaseException:
            await database.close()
            raise
        return cls(database)

    @property
    def database(self) -> Database:
        """The database, for what is kept in it beside records."""
        return self._database

    async def close(self) -> None:
        """Let go of the database."""
        await self._database.close()

    async def apply(self, installation_id: str, upto: Position, changes: Sequence[Change]) -> int:
        """Write what a stream's entries up to ``upto`` say, in one commit; returns how many changes were new.

        A stream's entries come in their order. Those that were applied before are passed over, so that
        whoever is not sure repeats. A stream in another epoch begins from the start. Raises
        InvalidParamsError if a record refers to what is not there; nothing is written then.
        """
        async with self._database.transaction() as connection:
            done = await advance(connection, installation_id, upto)
            new = [change for change in changes if done < change.seq <= upto.seq]
            await write(connection, installation_id, upto.stream, new)
        return len(new)

    async def apply_all(self, batches: Sequence[StreamBatch]) -> list[bool]:
        """Write what several streams say, of any installations, in one commit; which were taken, in order.

        A batch is taken if its stream stands exactly where it begins: in the position and the state that
        were left there. Otherwise somebody else has moved it, and what is known of it is to be read anew
        by ``standings``. Raises InvalidParamsError as ``apply`` does; nothing is written then.
        """
        async with self._database.transaction() as connection:
            return await apply_batches(connection, batches)

    async def write_again(self, batch: StreamBatch) -> None:
        """Write a batch's records over those that are there; the stream stays where it stands.

        Raises InvalidParamsError as ``apply`` does.
        """
        async with self._database.transaction() as connection:
            await write_changes(connection, [batch])

    async def standings(self, after: tuple[str, str] = ("", ""), limit: int = 1000) -> list[Standing]:
        """Where streams of all installations stand, those after an installation and stream, in this order."""
        columns = POSITIONS.c
        async with self._database.transaction() as connection:
            place = tuple_(columns.installation_id, columns.stream)
            return await read_standings(connection, place > tuple_(*after), limit=limit)

    async def standings_of(self, keys: Sequence[tuple[str, str]]) -> list[Standing]:
        """Where these streams stand, each given with its installation; none for those never applied."""
        if not keys:
            return []
        async with self._database.transaction() as connection:
            return await read_standings(connection, is_one_of(keys))

    async def set_aside(self, installation_id: str | None = None, limit: int = 1000) -> list[AsideEntry]:
        """The entries that no records could be made of, of one installation or of all."""
        async with self._database.transaction() as connection:
            return await read_aside(connection, installation_id, limit)

    async def put_aside_anew(self, installation_id: str, stream: str, left: Sequence[SetAside]) -> None:
        """Of what was set aside of a stream these are left; the others have their records now."""
        async with self._database.transaction() as connection:
            await replace_aside(connection, installation_id, stream, left)

    async def position(self, installation_id: str, stream: str) -> Position | None:
        """How far a stream was applied; None if it never was."""
        async with self._database.transaction() as connection:
            found = await connection.execute(
                select(POSITIONS.c.epoch, POSITIONS.c.seq).where(
                    POSITIONS.c.installation_id == installation_id, POSITIONS.c.stream == stream
                )
            )
            row = found.one_or_none()
        return Position(stream, row.epoch, row.seq) if row is not None and row.epoch else None

    async def get(self, installation_id: str, kind: Kind[R], key: str) -> R | None:
        """One record, by its key; None if the installation has none such."""
        if not is_storable(key):
            return None
        async with self._database.transaction() as connection:
            found = await connection.execute(select(kind.table).where(_is(kind, installation_id, key)))
            row = found.mappings().one_or_none()
        return None if row is None else from_row(kind, dict(row))

    async def page(self, installation_id: str, kind: Kind[R], query: Query | None = None) -> Page[R]:
        """A page of a list. Raises InvalidParamsError for a filter, sort, limit or cursor that is none."""
        query = query or Query()
        asked = statement(kind, installation_id, query)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(asked)).mappings().all()
        items = tuple(from_row(kind, dict(row)) for row in rows[: query.limit])
        more = len(rows) > query.limit
        return Page(items, cursor_after(kind, query, items[-1]) if more else None)

    async def search(self, installation_id: str, wanted: Search) -> Page[SessionTranscriptEntry]:
        """Transcript entries by their words. Raises InvalidParamsError for a search that makes no sense."""
        async with self._database.transaction() as connection:
            return await search(connection, installation_id, wanted)

    async def figures(self, installation_id: str, since: datetime, until: datetime, buckets: int) -> Figures:
        """What is counted in [``since``, ``until``), in that many equal parts."""
        async with self._database.transaction() as connection:
            return await figures(connection, installation_id, since, until, buckets)

    async def service_totals(
        self, installation_id: str, since: datetime, until: datetime
    ) -> tuple[ServiceTotals, dict[Protocol, Speed]]:
        """What sessions got in [``since``, ``until``), and how fast connections were."""
        async with self._database.transaction() as connection:
            totals = await service_totals(connection, installation_id, since, until)
            return totals, await speeds(connection, installation_id, since, until)

    async def payload(self, installation_id: str, sha256: str) -> JsonValue:
        """A value that is kept apart, by its reference; None if the installation has none such."""
        if not is_storable(sha256):
            return None
        async with self._database.transaction() as connection:
            body = await connection.scalar(
                select(PAYLOADS.c.body).where(
                    PAYLOADS.c.installation_id == installation_id, PAYLOADS.c.sha256 == sha256
                )
            )
        return None if body is None else decoded(body)

    async def delete(self, installation_id: str, kind: Kind[R], key: str) -> bool:
        """Delete a record and what belongs to it. False if it was not there."""
        if not is_storable(key):
            return False
        async with self._database.transaction() as connection:
            done = await connection.execute(delete(kind.table).where(_is(kind, installation_id, key)))
        return done.rowcount > 0

    async def purge(self, installation_id: str, kind: Kind[R], before: datetime) -> int:
        """Delete the oldest records from before a moment, at most 5,000; returns how many.

        What belongs to them goes with them, and so do values kept apart that nothing refers to any more.
        """
        columns = kind.table.c
        oldest = (
            select(columns[kind.key])
            .where(columns.installation_id == installation_id, columns[kind.moment] < before)
            .order_by(columns[kind.moment])
            .limit(PURGE_ROWS)
        )
        theirs = columns.installation_id == installation_id
        totals = METRIC_TOTALS.c
        async with self._database.transaction() as connection:
            done = await connection.execute(delete(kind.table).where(theirs, columns[kind.key].in_(oldest)))
            await connection.execute(delete(PAYLOADS).where(_is_orphan(installation_id)))
            if kind.table is METRICS and done.rowcount < PURGE_ROWS:
                # Nothing is added up in them any more.
                empty = delete(METRIC_TOTALS).where(totals.installation_id == installation_id)
                await connection.execute(empty.where(totals.timestamp < before))
        return done.rowcount

    async def forget_session(self, installation_id: str, stream: str, session_id: str) -> tuple[int, bool]:
        """Delete records of a session, and what they alone refer to; how many, and whether that was all.

        It is to be called until it was. Nothing that was read of the stream before is written any more.
        """
        async with self._database.transaction() as connection:
            return await forgetting.forget_session(connection, installation_id, stream, session_id)

    async def forget_stream(self, installation_id: str, stream: str) -> None:
        """Nothing that was read of the stream before is written any more; its records stay."""
        async with self._database.transaction() as connection:
            await forgetting.mark_forgotten(connection, installation_id, stream)

    async def forget_installation(self, installation_id: str) -> tuple[int, bool]:
        """As ``forget_session``, for all of an installation but its API keys and receipts."""
        async with self._database.transaction() as connection:
            return await forgetting.forget_installation(connection, installation_id)

    async def count_rows(self, installation_id: str, session_ids: Sequence[str] | None) -> int:
        """How many rows there are to forget, of sessions or of all of the installation."""
        async with self._database.transaction() as connection:
            if session_ids is None:
                return await forgetting.count_rows(connection, installation_id)
            counts = [
                await forgetting.count_session_rows(connection, installation_id, one) for one in session_ids
            ]
        return sum(counts)

    async def sessions_of(self, installation_id: str, user: str) -> list[tuple[str, str]]:
        """The sessions that a user opened: the id and the stream of each."""
        async with self._database.transaction() as connection:
            return await forgetting.sessions_of(connection, installation_id, user)

    async def sessions_before(
        self, installation_id: str, before: datetime, limit: int
    ) -> list[tuple[str, str]]:
        """Sessions that were used last before a moment, the oldest first, as ``sessions_of``."""
        async with self._database.transaction() as connection:
            return await forgetting.sessions_before(connection, installation_id, before, limit)

    async def installations(self) -> list[str]:
        """All of which a stream was ever read."""
        async with self._database.transaction() as connection:
            asked = select(POSITIONS.c.installation_id).distinct().order_by(POSITIONS.c.installation_id)
            return list((await connection.scalars(asked)).all())

    async def scrub(self) -> None:
        """See to it that what was deleted is not in the database's files, as far as that is up to us.

        SQLite overwrites what it deletes; what is left is its index of words, and its log. PostgreSQL's own
        vacuum does the same by and by.
        """
        begin = True
        while True:
            async with self._database.transaction() as connection:
                if not await forgetting.merge_words(connection, begin=begin):
                    break
            begin = False
        await self._database.empty_log()

    async def clear(self, installation_id: str) -> None:
        """Delete all of an installation, positions included: to project its journal anew, or for good."""
        owned = [*(kind.table for kind in reversed(KINDS)), PAYLOADS, POSITIONS, SET_ASIDE, METRIC_TOTALS]
        async with self._database.transaction() as connection:
            for table in owned:
                await connection.execute(delete(table).where(table.c.installation_id == installation_id))


def _is(kind: Kind[R], installation_id: str, key: str) -> ColumnElement[bool]:
    return and_(kind.table.c.installation_id == installation_id, kind.table.c[kind.key] == key)


def _is_orphan(installation_id: str) -> ColumnElement[bool]:
    """Touched an hour ago at the latest: a row that is being written now may come to refer to it."""
    references = (
        exists().where(
            kind.table.c.installation_id == installation_id,
            kind.table.c[f"{member}_ref"] == PAYLOADS.c.sha256,
        )
        for kind in KINDS
        for member in kind.model.by_reference
    )
    return and_(
        PAYLOADS.c.installation_id == installation_id,
        PAYLOADS.c.touched_at < datetime.now(UTC) - ORPHAN_AGE,
        *(~reference for reference in references),
    )
