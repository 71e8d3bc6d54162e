"""JSON texts taken apart: an object's members one level deep, or what a model names; the rest stays text.

How deep a text may be nested depends on how deep the call stack is already, so a frame that ``parse`` took
may be too deep here: that is a ParseError, never a RecursionError.
"""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Raw

from actors.errors import ParseError

T = TypeVar("T")

Members: TypeAlias = dict[str, Raw]

_decode = msgspec.json.Decoder(Members).decode


def decode(text: bytes | Raw, type: type[T]) -> T:  # noqa: A002 - the word that msgspec uses
    """Decode into a model. Raises msgspec.DecodeError if it does not fit, ParseError if it is too deep."""
    try:
        return msgspec.json.decode(text, type=type)
    except RecursionError:
        raise ParseError("the message is nested too deep") from None


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
