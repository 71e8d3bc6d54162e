"""The parameters that lists of records share, and how each is read."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, get_args

from pydantic.alias_generators import to_camel

from actors import errors
from actors.records import Kind, Query
from actors.records.queries import DEFAULT_LIMIT, IS_SET, MOST_LIMIT, Value
from serve.reporting.operation import Parameter
from serve.reporting.records.asked import Asked

MAX_ID: Final = 200


class Order(StrEnum):
    """Which records come first: the newest, unless told."""

    ASC = "asc"
    DESC = "desc"


_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": MAX_ID}
_MOMENT: Final = {"type": "string", "format": "date-time"}

ID: Final = Parameter("id", {"type": "string", "minLength": 1}, "Its id.", is_path=True)
TIME: Final = (
    Parameter("from", _MOMENT, "Only what began at this moment or later."),
    Parameter("to", _MOMENT, "Only what began before this moment."),
)
LIMIT: Final = Parameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": MOST_LIMIT, "default": DEFAULT_LIMIT},
    "The most records of an answer.",
)
CURSOR: Final = Parameter("cursor", {"type": "string"}, "The nextCursor of the page before.")
ORDER: Final = Parameter(
    "order", {"type": "string", "enum": list(Order), "default": Order.DESC.value}, "Which come first."
)
PAGE: Final = (ORDER, LIMIT, CURSOR)
LIVE: Final = Parameter("live", {"type": "boolean"}, "Only sessions that go on, or only those that ended.")


def sort_parameter(kind: Kind[Any]) -> Parameter:
    """By which members a kind can be sorted."""
    names = [to_camel(name) for name in kind.sorts]
    return Parameter("sort", {"type": "string", "enum": names, "default": names[0]}, "The member to sort by.")


def filter_parameters(kind: Kind[Any], but: str = "") -> tuple[Parameter, ...]:
    """Those of a kind's filters that have a value to name; ``but`` is none of them."""
    found = (
        Parameter(to_camel(name), _schema(kind, name), f"Only those with this {to_camel(name)}.")
        for name in kind.filters
        if name != but and not name.endswith("_at")
    )
    return (*found, *((LIVE,) if "closed_at" in kind.filters else ()))


def filters(kind: Kind[Any], asked: Asked, but: str = "") -> dict[str, Value]:
    """What the parameters of a kind's filters say. Raises InvalidParamsError."""
    where: dict[str, Value] = {}
    for parameter in filter_parameters(kind, but):
        if parameter is LIVE:
            live = asked.flag(LIVE.name)
            if live is not None:
                where["closedAt"] = None if live else IS_SET
        elif (value := _value(parameter, asked)) is not None:
            where[parameter.name] = value
    return where


def query(kind: Kind[Any], asked: Asked, where: Mapping[str, Value]) -> Query:
    """The query for a page. Raises InvalidParamsError."""
    asked_sort = asked.text("sort")
    sort = to_camel(kind.moment) if asked_sort is None else asked_sort
    if sort not in map(to_camel, kind.sorts):
        raise errors.InvalidParamsError(f"sort: expected one of {', '.join(map(to_camel, kind.sorts))}")
    order = asked.choice(ORDER.name, Order) or Order.DESC
    return Query(
        where=where,
        since=asked.moment("from"),
        until=asked.moment("to"),
        sort=f"-{sort}" if order is Order.DESC else sort,
        limit=asked.number("limit", DEFAULT_LIMIT, MOST_LIMIT),
        cursor=asked.text("cursor"),
    )


def _value(parameter: Parameter, asked: Asked) -> Value:
    if parameter.schema["type"] == "boolean":
        return asked.flag(parameter.name)
    value = asked.text(parameter.name)
    if value is None:
        return None
    allowed = parameter.schema.get("enum")
    if allowed is not None and value not in allowed:
        raise errors.InvalidParamsError(f"{parameter.name}: expected one of {', '.join(allowed)}")
    if not 1 <= len(value) <= MAX_ID:
        raise errors.InvalidParamsError(f"{parameter.name}: expected 1 to {MAX_ID} characters")
    return value


def _schema(kind: Kind[Any], name: str) -> dict[str, Any]:
    annotation = kind.model.model_fields[name].annotation
    types = [one for one in (get_args(annotation) or (annotation,)) if isinstance(one, type)]
    if bool in types:
        return {"type": "boolean"}
    enums = [one for one in types if issubclass(one, StrEnum)]
    return {"type": "string", "enum": [str(one) for one in enums[0]]} if enums else _TEXT
