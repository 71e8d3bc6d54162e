"""Records to rows and back; values that are too large for a row go to a table of their own."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from msgspec import Struct
from pydantic import ValidationError
from sqlalchemy import JSON

from actors.errors import InternalError
from actors.records.kinds import Kind
from actors.records.models import INLINE_BYTES, Record
from actors.records.models.values import encoded

R = TypeVar("R", bound=Record)
Row = dict[str, Any]


class Payload(Struct, frozen=True):
    """A value that is kept apart. ``body`` is JSON, ``size`` its bytes."""

    sha256: str
    body: str
    size: int

    def row(self, installation_id: str, touched_at: datetime) -> Row:
        """It as a row of the payloads' table."""
        return {
            "installation_id": installation_id,
            "sha256": self.sha256,
            "body": self.body,
            "size": self.size,
            "touched_at": touched_at,
        }


def apart(record: R) -> tuple[R, list[Payload]]:
    """The record with references in place of values of more than 32 KB, and those values."""
    payloads: dict[str, Payload] = {}
    for member in record.by_reference:
        value = getattr(record, member)
        body = b"" if value is None else encoded(value)
        if len(body) > INLINE_BYTES:
            sha256 = hashlib.sha256(body).hexdigest()
            payloads[member] = Payload(sha256, body.decode(), len(body))
    if not payloads:
        return record, []
    referring: Row = {f"{member}_ref": payload.sha256 for member, payload in payloads.items()}
    return record.model_copy(update=referring | dict.fromkeys(payloads)), list(payloads.values())


def to_row(kind: Kind[R], record: R, stream: str, seq: int) -> Row:
    """The record as a row of its table, written by an entry of a stream."""
    members, structures = _columns(kind)
    row: Row = {name: getattr(record, name) for name in members}
    in_json = record.model_dump(mode="json", by_alias=True, include=set(structures))
    row |= {name: in_json[alias] for name, alias in structures.items()}
    return row | {"stream": stream, "seq": seq}


def from_row(kind: Kind[R], row: Row) -> R:
    """The record that a row holds. Raises InternalError if a row does not keep the rules of its record."""
    members = {name: row[name] for name in kind.model.model_fields}
    try:
        return kind.model.model_validate(members)
    except ValidationError as error:
        wrong = sorted({str(part["loc"][0]) for part in error.errors(include_input=False) if part["loc"]})
        raise InternalError(f"a row of {kind.table.name} is no record: {', '.join(wrong)}") from None


@cache
def _columns(kind: Kind[Record]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The members that are stored as they are, and those that are stored as JSON with their names in it."""
    aliases = {name: field.serialization_alias or name for name, field in kind.model.model_fields.items()}
    structures = {name: alias for name, alias in aliases.items() if isinstance(kind.table.c[name].type, JSON)}
    return tuple(name for name in aliases if name not in structures), structures
