"""Listing records: filters, a sort and cursors. Names are those of JSON, as an API's client gives them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, Generic, TypeVar

from pydantic.alias_generators import to_camel
from sqlalchemy import ColumnElement, Select, literal, or_, select, tuple_

from actors.errors import InvalidParamsError
from actors.records.kinds import Kind
from actors.records.models import Record, iso
from actors.records.models.values import is_storable

R = TypeVar("R", bound=Record)

DEFAULT_LIMIT: Final = 50
MOST_LIMIT: Final = 200
_CURSOR_CHARS: Final = 2000
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Presence(Enum):
    """What a filter asks of a member instead of a value."""

    SET = "set"


IS_SET: Final = Presence.SET
Scalar = str | bool | Presence | None
Value = Scalar | Sequence[str | None]
Filters = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Query:
    """What to list. The default is the newest 50.

    ``where`` has a value that a member must equal, or several of which it must be one; None is "not set",
    ``IS_SET`` is any value.
    ``since`` (inclusive) and ``until`` (exclusive) limit the moment at which a record began. ``sort`` is a
    member, with ``-`` before it for the largest first. ``limit`` is 1 to 200. ``cursor`` is the
    ``next_cursor`` of the page before.
    """

    where: Filters = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    sort: str | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Records in the order that was asked for. ``next_cursor`` is None after the last."""

    items: tuple[R, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class _Order:
    column: str
    descending: bool

    def __str__(self) -> str:
        return ("-" if self.descending else "") + to_camel(self.column)


def statement(kind: Kind[R], installation_id: str, query: Query) -> Select[Any]:
    """The query, for one row more than its limit. Raises InvalidParamsError."""
    if not 1 <= query.limit <= MOST_LIMIT:
        raise InvalidParamsError(f"limit: expected 1 to {MOST_LIMIT}")
    order = _order(kind, query)
    columns = kind.table.c
    asked = select(kind.table).where(columns.installation_id == installation_id)
    asked = asked.where(*(_condition(kind, name, value) for name, value in query.where.items()))
    asked = asked.where(*_bounds(kind, order, query))
    by = (columns[order.column], columns[kind.key])
    return asked.order_by(*(one.desc() if order.descending else one for one in by)).limit(query.limit + 1)


def cursor_after(kind: Kind[R], query: Query, record: R) -> str:
    """Where the page after one that ends with the record begins."""
    order = _order(kind, query)
    return cursor_at(kind, query, getattr(record, order.column), getattr(record, kind.key))


def cursor_at(kind: Kind[R], query: Query, moment: datetime, key: str) -> str:
    """The same, of a record that is known by what the query sorts by, and its key."""
    place = [str(_order(kind, query)), iso(moment), key]
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _order(kind: Kind[R], query: Query) -> _Order:
    wanted = f"-{to_camel(kind.moment)}" if query.sort is None else query.sort
    for column in kind.sorts:
        if wanted.removeprefix("-") == to_camel(column):
            return _Order(column, wanted.startswith("-"))
    raise InvalidParamsError(f"sort: expected one of {_names(kind.sorts)}, with - before it for descending")


def _condition(kind: Kind[R], name: str, value: Value) -> ColumnElement[bool]:
    for column in kind.filters:
        if name == to_camel(column):
            asked = kind.table.c[column]
            if value is None or isinstance(value, str | bool | Presence):
                return _equals(name, asked, value)
            among = asked.in_([_text(name, one) for one in value if one is not None])
            return or_(among, asked.is_(None)) if None in value else among
    raise InvalidParamsError(f"filter: expected one of {_names(kind.filters)}")


def _equals(name: str, column: ColumnElement[Any], value: Scalar) -> ColumnElement[bool]:
    if value is None:
        return column.is_(None)
    if value is IS_SET:
        return column.is_not(None)
    python_type = column.type.python_type
    if not isinstance(value, python_type):
        expected = "true or false" if python_type is bool else "text" if python_type is str else "nothing"
        raise InvalidParamsError(f"{name}: expected {expected}")
    return column == (_text(name, value) if isinstance(value, str) else value)


def _text(name: str, value: str) -> str:
    if not is_storable(value):
        raise InvalidParamsError(f"{name}: has a character that no record has")
    return value


def _bounds(kind: Kind[R], order: _Order, query: Query) -> Iterator[ColumnElement[bool]]:
    """Where the page begins and where the list ends.

    SQLite begins to read at one bound of several on the same side, and it may be the wrong one. So the
    cursor stands for the end of the time that the pages come from; and where there is none, a bound before
    all there is keeps SQLite from sorting what a shorter index has of the installation.
    """
    columns = kind.table.c
    since = None if query.since is None else _with_zone("since", query.since)
    until = None if query.until is None else _with_zone("until", query.until)
    if query.cursor is not None:
        moment, key = _place(order, query.cursor)
        place = tuple_(columns[order.column], columns[kind.key])
        then = tuple_(literal(moment, columns[order.column].type), literal(key, columns[kind.key].type))
        yield place < then if order.descending else place > then
        if order.column == kind.moment:
            if (since is not None and moment < since) or (until is not None and moment >= until):
                raise InvalidParamsError("cursor: is of another time than from and to say")
            since, until = (since, None) if order.descending else (None, until)
    elif since is None:
        yield columns[order.column] >= _BEGINNING
    if since is not None:
        yield columns[kind.moment] >= since
    if until is not None:
        yield columns[kind.moment] < until


def _place(order: _Order, cursor: str) -> tuple[datetime, str]:
    """Raises InvalidParamsError for a cursor that is none, or that belongs to another sort."""
    try:
        if len(cursor) > _CURSOR_CHARS:
            raise ValueError
        padded = cursor + "=" * (-len(cursor) % 4)
        sort, moment, key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if sort != str(order) or not isinstance(key, str):
            raise ValueError
        return _with_zone("cursor", datetime.fromisoformat(moment)), _text("cursor", key)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise InvalidParamsError("cursor: is none that a page of this list and sort gave") from None


def _with_zone(name: str, moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise InvalidParamsError(f"{name}: expected a moment with its zone, such as 2026-01-31T12:00:00Z")
    return moment


def _names(columns: Sequence[str]) -> str:
    return ", ".join(to_camel(column) for column in columns)
