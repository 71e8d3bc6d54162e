"""Making an audit trail of the records: page by page, so that its size costs no memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

from actors.records.audit.chain import FORMAT, HEADER, TRAILER, Chain, Line
from actors.records.kinds import BY_NAME, Kind
from actors.records.models import Record, iso
from actors.records.queries import MOST_LIMIT, Query
from actors.records.rows import R
from actors.records.store import RecordStore


@dataclass(frozen=True, slots=True)
class Selection:
    """What an audit trail is to hold: records of these kinds that began in [``since``, ``until``)."""

    installation_id: str
    kinds: tuple[str, ...]
    since: datetime | None
    until: datetime


async def export(store: RecordStore, wanted: Selection) -> AsyncGenerator[Line]:
    """The lines: a header, the records kind by kind in the order of time, and a trailer with their count.

    Raises what reading raises; a trail without its trailer is not whole, and its reader can tell.
    """
    chain = Chain()
    yield chain.hang(
        HEADER,
        {
            "format": FORMAT,
            "installationId": wanted.installation_id,
            "kinds": list(wanted.kinds),
            "from": iso(wanted.since) if wanted.since else None,
            "to": iso(wanted.until),
            "created": iso(datetime.now(UTC)),
        },
    )
    for name in wanted.kinds:
        async with aclosing(_pages(store, wanted, BY_NAME[name])) as pages:
            async for records in pages:
                for record in records:
                    yield chain.hang(name, record.model_dump(mode="json"))
    yield chain.hang(TRAILER, {"count": chain.length - 1, "final": chain.last_hash})


async def _pages(store: RecordStore, wanted: Selection, kind: Kind[R]) -> AsyncGenerator[Sequence[Record]]:
    """The oldest first: what is written meanwhile comes later, or is after the end of the range."""
    fields = kind.model.model_fields
    sort = fields[kind.moment].serialization_alias or kind.moment
    cursor = None
    while True:
        query = Query(since=wanted.since, until=wanted.until, sort=sort, limit=MOST_LIMIT, cursor=cursor)
        page = await store.page(wanted.installation_id, kind, query)
        yield page.items
        cursor = page.next_cursor
        if cursor is None:
            return
