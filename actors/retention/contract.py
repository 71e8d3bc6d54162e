"""How an erasure is ordered, and what is answered."""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from urllib.parse import quote, unquote

from msgspec import Struct

from actors.records.models import ErasureScope

PREFIX: Final = "!erasure/"
"""Begins the streams of orders. Those of sessions begin with a quoted name, which never has a ``!``."""
RECEIPT: Final = "receipt"
"""The kind of their entries: JSON of an Erasure."""


class ErasureState(StrEnum):
    """How far an erasure is."""

    ORDERED = "ordered"
    DONE = "done"
    WOULD_BE = "would-be"


class ErasureOrder(Struct, frozen=True):
    """What is to be erased: all of an installation, or the sessions that ``subject`` opened.

    ``ordered_by`` names the credential. ``key``, if not empty, names the order: the same one is taken once in
    a day; ``digest`` tells whether it is the same. ``dry_run``: only say what there is to erase.
    """

    scope: ErasureScope
    subject: str = ""
    ordered_by: str = ""
    key: str = ""
    digest: str = ""
    dry_run: bool = False


class ErasureView(Struct, frozen=True, rename="camel"):
    """An erasure as it stands; the numbers are those of what is gone, or would go.

    ``completed_at`` is null until it is done. See the record ``Erasure`` for the rest.
    """

    erasure_id: str
    installation_id: str
    scope: ErasureScope
    state: ErasureState
    ordered_by: str | None
    ordered_at: str
    completed_at: str | None
    sessions: int
    entries: int
    records: int
    digest: str


def erasure_stream(installation: str) -> str:
    """The stream of an installation's orders, which is also what its writer leases."""
    return PREFIX + quote(installation, safe="")


def installation_of(stream: str) -> str:
    """Whose orders a stream holds."""
    return unquote(stream.removeprefix(PREFIX))
