"""An object as the JSON texts of its members: one level is read, all below it stays as it was written."""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec import Raw

from actors.errors import ParseError

Members: TypeAlias = dict[str, Raw]

_decode = msgspec.json.Decoder(Members).decode


def split(text: bytes | Raw) -> Members:
    """An object's members in their order; of duplicates the last one.

    Raises msgspec.ValidationError if the text is no object, ParseError if it is nested too deep.
    """
    try:
        return _decode(text)
    except RecursionError:
        raise ParseError("the message is nested too deep") from None


def members_of(text: bytes | Raw) -> Members | None:
    """An object's members, none for ``null``; ``None`` for what can hold no members."""
    if bytes(text) == b"null":
        return {}
    try:
        return split(text)
    except msgspec.ValidationError:
        return None
