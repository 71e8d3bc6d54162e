"""Entries of earlier versions, brought to what the projector reads today.

An entry's kind may name its version: ``notice@2``; without one it is version 1. Whoever changes the payload
of a kind writes it under the next version, and adds here how one of the version before becomes it. So every
journal that was ever written can be projected anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from actors.errors import InvalidRequestError

Upcast = Callable[[bytes], bytes]

NEWEST: Final[Mapping[str, int]] = {}
"""The version of a kind that is read today, where it is not 1."""
UPCASTS: Final[Mapping[tuple[str, int], Upcast]] = {}
"""How the payload of a kind and version becomes that of the next version."""


def upcast(
    kind: str,
    payload: bytes,
    newest: Mapping[str, int] = NEWEST,
    upcasts: Mapping[tuple[str, int], Upcast] = UPCASTS,
) -> tuple[str, bytes]:
    """The kind without its version, and the payload as it is read today.

    Raises InvalidRequestError for a version that is newer than this code, or that is none.
    """
    name, mark, told = kind.partition("@")
    if not mark and name not in newest:
        return name, payload
    if mark and not told.isdecimal():
        raise InvalidRequestError("kind: its version is no number")
    version, wanted = int(told or 1), newest.get(name, 1)
    if version > wanted:
        raise InvalidRequestError(f"kind: version {version} is newer than {wanted}, which is read here")
    while version < wanted:
        payload = upcasts[name, version](payload)
        version += 1
    return name, payload
