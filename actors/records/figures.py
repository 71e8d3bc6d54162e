"""Figures of an installation in a time, counted by indexes: however much there is, few records are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, Row, column, func, select, values
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.records.kinds import AUTOMATIONS, CONNECTIONS, SESSIONS, TRANSITIONS
from actors.records.models import AutomationStatus, ConnectionStatus, Protocol
from actors.records.tables import METRIC_TOTALS, UtcDateTime

MOST_SAMPLED: Final = 5_000
"""The connections, active last in the time, whose latency and throughput are looked at."""
TURNS: Final = ("acp-turns", "http-turns")
FAILED_TURNS: Final = ("acp-turns-failed", "http-turns-failed")
FALLBACKS: Final = "fallbacks"


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was counted in [``since``, ``until``). Sessions by protocol: those that began, and that ended."""

    since: datetime
    until: datetime
    began: dict[Protocol, int]
    ended: dict[Protocol, int]
    breaks: int
    turns: int
    failed_turns: int
    fallbacks: int


@dataclass(frozen=True, slots=True)
class Speed:
    """Means over the connections of a protocol; None where nothing was measured."""

    latency_p95_ms: float | None = None
    throughput_per_min: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """``before``: sessions by protocol that were there when the time began. ``live``: that are there now.

    ``workspaces`` had sessions that began in the time, ``acp_workspaces`` such over ACP.
    """

    buckets: Sequence[Bucket]
    before: dict[Protocol, int]
    live: int
    workspaces: int
    acp_workspaces: int
    automations: dict[AutomationStatus, int]
    speeds: dict[Protocol, Speed]


async def figures(
    connection: AsyncConnection, installation_id: str, since: datetime, until: datetime, buckets: int
) -> Figures:
    """The figures of [``since``, ``until``), which is cut into equal ``buckets``."""
    counting = _Counting(connection, installation_id)
    return Figures(
        await counting.buckets(since, until, buckets),
        await counting.before(since),
        *await counting.people(since, until),
        await counting.automations(since, until),
        await counting.speeds(since, until),
    )


async def speeds(
    connection: AsyncConnection, installation_id: str, since: datetime, until: datetime
) -> dict[Protocol, Speed]:
    """The speeds of connections that were active in [``since``, ``until``)."""
    return await _Counting(connection, installation_id).speeds(since, until)


class _Counting:
    def __init__(self, connection: AsyncConnection, installation_id: str) -> None:
        self._connection = connection
        self._installation = installation_id

    async def buckets(self, since: datetime, until: datetime, count: int) -> list[Bucket]:
        edges = [since + (until - since) * number / count for number in range(count)] + [until]
        spans = values(column("since", UtcDateTime), column("until", UtcDateTime), name="spans").data(
            list(pairwise(edges))
        )
        span = spans.cte("span")
        sessions, transitions = SESSIONS.table.c, TRANSITIONS.table.c
        counted = [
            *(self._sessions(span, sessions.created_at, protocol) for protocol in Protocol),
            *(self._sessions(span, sessions.closed_at, protocol) for protocol in Protocol),
            self._count(
                transitions.installation_id,
                transitions.to_status == ConnectionStatus.ERROR.value,
                *_within(transitions.at, span),
            ),
            self._total(span, TURNS),
            self._total(span, FAILED_TURNS),
            self._total(span, (FALLBACKS,)),
        ]
        asked = select(span.c.since, span.c.until, *(one.label(f"c{n}") for n, one in enumerate(counted)))
        rows = (await self._connection.execute(asked.order_by(span.c.since))).all()
        return [_bucket(row) for row in rows]

    async def before(self, since: datetime) -> dict[Protocol, int]:
        """Those that had begun, less those that had ended."""
        sessions = SESSIONS.table.c
        counted = [
            self._count(sessions.installation_id, sessions.protocol_type == protocol.value, column_ < since)
            for protocol in Protocol
            for column_ in (sessions.created_at, sessions.closed_at)
        ]
        row = (await self._connection.execute(select(*counted))).one()
        return {protocol: row[2 * n] - row[2 * n + 1] for n, protocol in enumerate(Protocol)}

    async def people(self, since: datetime, until: datetime) -> tuple[int, int, int]:
        """Live sessions, workspaces, and workspaces on ACP."""
        sessions = SESSIONS.table.c
        began = (sessions.created_at >= since, sessions.created_at < until)
        theirs = [
            select(sessions.workspace_id)
            .where(
                sessions.installation_id == self._installation,
                sessions.protocol_type == protocol.value,
                *began,
            )
            .distinct()
            for protocol in (Protocol.ACP, Protocol.HTTP)
        ]
        asked = select(
            self._count(sessions.installation_id, sessions.closed_at.is_(None)),
            select(func.count()).select_from(theirs[0].union(theirs[1]).subquery()).scalar_subquery(),
            select(func.count()).select_from(theirs[0].subquery()).scalar_subquery(),
        )
        live, workspaces, on_acp = (await self._connection.execute(asked)).one()
        return live, workspaces, on_acp

    async def automations(self, since: datetime, until: datetime) -> dict[AutomationStatus, int]:
        """How many ended in each way."""
        columns = AUTOMATIONS.table.c
        counted = [
            self._count(
                columns.installation_id,
                columns.status == status.value,
                columns.created_at >= since,
                columns.created_at < until,
            )
            for status in AutomationStatus
        ]
        row = (await self._connection.execute(select(*counted))).one()
        return dict(zip(AutomationStatus, row, strict=True))

    async def speeds(self, since: datetime, until: datetime) -> dict[Protocol, Speed]:
        """Of the connections that were active last."""
        columns = CONNECTIONS.table.c
        protocol = columns.metadata["protocol"].as_string().label("protocol")
        sampled = (
            select(protocol, columns.latency_p95, columns.throughput_per_min)
            .where(
                columns.installation_id == self._installation,
                columns.last_active >= since,
                columns.last_active < until,
            )
            .order_by(columns.last_active.desc())
            .limit(MOST_SAMPLED)
            .subquery()
        )
        found = sampled.c
        asked = select(found.protocol, func.avg(found.latency_p95), func.avg(found.throughput_per_min))
        rows = (await self._connection.execute(asked.group_by(found.protocol))).all()
        return {Protocol(name): Speed(*means) for name, *means in rows if name in set(Protocol)}

    def _sessions(self, span: CTE, moment: ColumnElement[Any], protocol: Protocol) -> Any:
        columns = SESSIONS.table.c
        return self._count(
            columns.installation_id, columns.protocol_type == protocol.value, *_within(moment, span)
        )

    def _count(self, owner: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Any:
        counted = select(func.count()).where(owner == self._installation, *conditions)
        return counted.scalar_subquery()

    def _total(self, span: CTE, types: Sequence[str]) -> Any:
        columns = METRIC_TOTALS.c
        added = select(func.coalesce(func.sum(columns.value), 0.0)).where(
            columns.installation_id == self._installation,
            columns.metric_type.in_(types),
            *_within(columns.timestamp, span),
        )
        return added.scalar_subquery()


def _within(moment: ColumnElement[Any], span: CTE) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return moment >= span.c.since, moment < span.c.until


def _bucket(row: Row[Any]) -> Bucket:
    since, until, *counted = tuple(row)
    both = len(Protocol)
    breaks, turns, failed, fallbacks = (round(one) for one in counted[2 * both :])
    return Bucket(
        since,
        until,
        dict(zip(Protocol, counted[:both], strict=True)),
        dict(zip(Protocol, counted[both : 2 * both], strict=True)),
        breaks,
        turns,
        failed,
        fallbacks,
    )
