"""Several lists read as one, in the order of time: page by page, none of them further than it must be."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import heapq
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from pydantic.alias_generators import to_camel

from actors.errors import InvalidParamsError
from actors.records.kinds import Kind
from actors.records.models import iso
from actors.records.models.values import is_storable
from actors.records.queries import Filters, Query, cursor_at
from actors.records.store import RecordStore

_TICK: Final = timedelta(milliseconds=1)
"""Moments are in whole milliseconds."""


@dataclass(frozen=True, slots=True)
class Place:
    """The last record that was read: its moment, its list's number, its key."""

    moment: datetime
    source: int
    key: str

    @classmethod
    def parse(cls, cursor: str, sources: int) -> Place:
        """The place that a cursor names. Raises InvalidParamsError."""
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            moment, source, key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            place = cls(datetime.fromisoformat(moment), source, key)
            if place.moment.tzinfo is None or not isinstance(key, str) or not is_storable(key):
                raise ValueError
            if type(source) is not int or not 0 <= source < sources:
                raise ValueError
        except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
            raise InvalidParamsError("cursor: is none that a page of this list gave") from None
        return place

    def __str__(self) -> str:
        said = json.dumps([iso(self.moment), self.source, self.key])
        return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


Row = tuple[datetime, int, str, object]
"""A moment, the number of its list, its key there, and what it is."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be read of a list: all in [``since``, ``until``), or what follows on its own ``after``."""

    number: int
    limit: int
    ascending: bool
    since: datetime | None = None
    until: datetime | None = None
    after: Place | None = None

    def within(self, since: datetime | None, until: datetime | None) -> Step | None:
        """It, narrowed to a time; None if nothing is left."""
        first = max((one for one in (since, self.since) if one is not None), default=None)
        end = min((one for one in (until, self.until) if one is not None), default=None)
        if first is not None and end is not None and first >= end:
            return None
        return dataclasses.replace(self, since=first, until=end)


class Source(Protocol):
    """One of the lists. Its keys differ, and are in order among those of one moment."""

    async def read(self, store: RecordStore, installation_id: str, step: Step) -> tuple[list[Row], bool]:
        """The first rows of a step, and whether there are more."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Records of a kind, by the moment at which they began, in a time."""

    kind: Kind[Any]
    where: Filters
    since: datetime | None = None
    until: datetime | None = None

    async def read(self, store: RecordStore, installation_id: str, step: Step) -> tuple[list[Row], bool]:
        """See ``Source``."""
        narrowed = step.within(self.since, self.until)
        if narrowed is None:
            return [], False
        kind, sort = self.kind, to_camel(self.kind.moment)
        query = Query(
            self.where,
            since=narrowed.since,
            until=narrowed.until,
            sort=sort if step.ascending else f"-{sort}",
            limit=step.limit,
        )
        if step.after is not None:
            cursor = cursor_at(kind, query, step.after.moment, step.after.key)
            query = dataclasses.replace(query, cursor=cursor)
        page = await store.page(installation_id, kind, query)
        rows: list[Row] = [
            (getattr(one, kind.moment), step.number, getattr(one, kind.key), one) for one in page.items
        ]
        return rows, page.next_cursor is not None


@dataclass(frozen=True, slots=True)
class Given:
    """Some things that are known already, each with its moment and key."""

    things: Sequence[tuple[datetime, str, object]]

    async def read(self, store: RecordStore, installation_id: str, step: Step) -> tuple[list[Row], bool]:
        """See ``Source``."""
        rows: list[Row] = [(at, step.number, key, thing) for at, key, thing in self.things]
        rows = [row for row in rows if self._follows(row, step)]
        rows.sort(key=lambda row: row[:3], reverse=not step.ascending)
        return rows[: step.limit], len(rows) > step.limit

    @staticmethod
    def _follows(row: Row, step: Step) -> bool:
        if (step.since is not None and row[0] < step.since) or (
            step.until is not None and row[0] >= step.until
        ):
            return False
        if step.after is None:
            return True
        place, last = (row[0], row[2]), (step.after.moment, step.after.key)
        return place > last if step.ascending else place < last


@dataclass(frozen=True, slots=True)
class MergedPage:
    """Things in order, and where the next page begins; None after the last."""

    things: tuple[object, ...]
    next: Place | None


async def merged(
    store: RecordStore,
    installation_id: str,
    sources: Sequence[Source],
    after: Place | None,
    limit: int,
    *,
    ascending: bool,
) -> MergedPage:
    """A page of all sources together. What has the same moment is in the order of the sources."""
    found: list[list[Row]] = []
    more = False
    for number, source in enumerate(sources):
        rows, has_more = await source.read(store, installation_id, _step(number, after, limit, ascending))
        found.append(rows)
        more |= has_more
    joined = list(heapq.merge(*found, key=lambda row: row[:3], reverse=not ascending))
    taken = joined[:limit]
    more |= len(joined) > limit
    return MergedPage(tuple(row[3] for row in taken), Place(*taken[-1][:3]) if more and taken else None)


def _step(number: int, after: Place | None, limit: int, ascending: bool) -> Step:
    """Of the lists before that of the last row, what has its moment was read already; of those after, not."""
    step = Step(number, limit, ascending)
    if after is None:
        return step
    if number == after.source:
        return dataclasses.replace(step, after=after)
    edge = after.moment if number > after.source else after.moment + _TICK
    return dataclasses.replace(step, since=edge) if ascending else dataclasses.replace(step, until=edge)
