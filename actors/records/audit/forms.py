"""How an audit trail is written: as NDJSON or as CSV, one line of text for each line of the chain.

A line has one spelling in each form, so a reader can tell every change of a byte. Both have the same hashes.
Source: RFC 4180 (CSV).
"""

from __future__ import annotations

import csv
import io
import json
from enum import StrEnum
from typing import Final, cast

from pydantic import JsonValue

from actors.errors import ParseError
from actors.records.audit.chain import Body, Line, canonical
from actors.records.kinds import BY_NAME

COLUMNS: Final = ("n", "type", "at", "id", "body", "prev", "hash")
_MEMBERS: Final = frozenset({"n", "type", "body", "prev", "hash"})
_LONGEST_CELL: Final = 2**24
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Form(StrEnum):
    """A way to write an audit trail."""

    NDJSON = "ndjson"
    CSV = "csv"

    @property
    def media_type(self) -> str:
        """What HTTP calls it."""
        return "application/x-ndjson" if self is Form.NDJSON else "text/csv; charset=utf-8; header=present"

    @property
    def heading(self) -> str:
        """What stands before the first line: the names of CSV's columns."""
        return _row(COLUMNS) if self is Form.CSV else ""

    def write(self, line: Line) -> str:
        """The line as text, its end included."""
        if self is Form.CSV:
            return _to_csv(line)
        members: Body = {name: cast(JsonValue, getattr(line, name)) for name in _MEMBERS}
        return canonical(members) + "\n"

    def read(self, text: str) -> Line:
        """The line that a text is. Raises ParseError for any other text than ``write`` makes."""
        line = _from_csv(text) if self is Form.CSV else _from_json(text)
        if self.write(line) != text:
            raise ParseError("is not spelled as an audit trail spells it")
        return line


def _from_json(text: str) -> Line:
    members = _object(text)
    if members.keys() != _MEMBERS:
        raise ParseError("is no line of an audit trail")
    return _line(members["n"], members["type"], members["body"], members["prev"], members["hash"])


def _to_csv(line: Line) -> str:
    at, key = _place(line)
    return _row((str(line.n), line.type, at, key, canonical(line.body), line.prev, line.hash))


def _from_csv(text: str) -> Line:
    # Python's own limit is 128 KiB, for the whole process; a record may be longer.
    csv.field_size_limit(_LONGEST_CELL)
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error:
        raise ParseError("is no line of CSV") from None
    if len(rows) != 1 or len(rows[0]) != len(COLUMNS) or not rows[0][0].isdecimal():
        raise ParseError("is no line of an audit trail")
    n, type_, _, _, body, prev, hash_ = rows[0]
    return _line(int(n[:18]), type_, _object(body), prev, hash_)


def _row(cells: tuple[str, ...]) -> str:
    """A row of CSV. A cell that a spreadsheet would take for a formula has a quote before it."""
    text = io.StringIO()
    csv.writer(text).writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return text.getvalue()


def _place(line: Line) -> tuple[str, str]:
    """When a record began, and its key: columns for whoever reads the file in a spreadsheet."""
    kind = BY_NAME.get(line.type)
    if kind is None:
        return "", ""
    fields = kind.model.model_fields
    return tuple(  # type: ignore[return-value]  # there are two names, so two texts
        str(line.body.get(fields[name].serialization_alias or name, "")) for name in (kind.moment, kind.key)
    )


def _object(text: str) -> Body:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ParseError("is not JSON") from None
    if not isinstance(value, dict):
        raise ParseError("is no line of an audit trail")
    return value


def _line(n: JsonValue, type_: JsonValue, body: JsonValue, prev: JsonValue, hash_: JsonValue) -> Line:
    texts = isinstance(type_, str) and isinstance(prev, str) and isinstance(hash_, str)
    if not texts or type(n) is not int or not isinstance(body, dict):
        raise ParseError("is no line of an audit trail")
    return Line(n, cast(str, type_), body, cast(str, prev), cast(str, hash_))
