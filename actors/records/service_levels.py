"""What an installation got in a time: counted minute by minute by the projector, and added up here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.records.models import Protocol
from actors.records.tables import METRIC_TOTALS

USED_MS: Final = "used-ms"
DOWN_MS: Final = "down-ms"
TURNS: Final = "turns"
FAILED_TURNS: Final = "turns-failed"
TURN_MS: Final = "turn-ms"
_COUNTED: Final = (USED_MS, DOWN_MS, TURNS, FAILED_TURNS, TURN_MS)
"""Each with the protocol before it: ``acp-used-ms``."""
FALLBACKS: Final = "fallbacks"


class Served(Struct, frozen=True):
    """Of the sessions that one protocol carried. Times are milliseconds.

    ``used_ms`` is the time in which sessions were used, ``down_ms`` how much of it they could not be;
    ``turn_ms`` is what all turns took together.
    """

    used_ms: float
    down_ms: float
    turns: int
    failed_turns: int
    turn_ms: float


class ServiceTotals(Struct, frozen=True):
    """What was counted, by protocol, and how many sessions fell back to HTTP."""

    served: Mapping[Protocol, Served]
    fallbacks: int


async def service_totals(
    connection: AsyncConnection, installation_id: str, since: datetime, until: datetime
) -> ServiceTotals:
    """What was counted in [``since``, ``until``)."""
    columns = METRIC_TOTALS.c
    names = [f"{protocol.value}-{name}" for protocol in Protocol for name in _COUNTED]
    asked = (
        select(columns.metric_type, func.sum(columns.value))
        .where(
            columns.installation_id == installation_id,
            columns.metric_type.in_([*names, FALLBACKS]),
            columns.timestamp >= since,
            columns.timestamp < until,
        )
        .group_by(columns.metric_type)
    )
    rows = (await connection.execute(asked)).all()
    found: dict[str, float] = {row[0]: row[1] for row in rows}
    return ServiceTotals(
        {protocol: _served(found, protocol) for protocol in Protocol}, round(found.get(FALLBACKS, 0.0))
    )


def _served(found: Mapping[str, float], protocol: Protocol) -> Served:
    used, down, turns, failed, took = (found.get(f"{protocol.value}-{name}", 0.0) for name in _COUNTED)
    return Served(used, down, round(turns), round(failed), took)
