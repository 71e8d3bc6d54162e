"""Something that happened, as others are told of it: numbers, ids and codes, and no text of anybody."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from pydantic import JsonValue


class Happened(StrEnum):
    """What can happen. The names are part of the contract with whoever reads them."""

    SESSION_STARTED = "session-started"
    SESSION_CLOSED = "session-closed"
    TURN_ENDED = "turn-ended"
    CONNECTION_CHANGED = "connection-changed"
    PROTOCOL_CHANGED = "protocol-changed"
    MIGRATION = "migration"
    ROLLBACK = "rollback"
    AUTOMATION_ENDED = "automation-ended"
    CAPACITY_ALERT = "capacity-alert"


class Happening(Struct, frozen=True):
    """What the entry ``seq`` of a stream tells. ``at`` is epoch milliseconds.

    ``workspace_id`` and ``session_id`` are empty where it is of none.
    """

    seq: int
    what: Happened
    at: int
    data: dict[str, JsonValue]
    workspace_id: str = ""
    session_id: str = ""
