"""``/api/v1/service-levels``: what an installation got in a month, beside what it is to get (NFR-003)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.records.models import Part, Protocol
from actors.records.models.values import Count, Moment, Ratio
from actors.records.service_levels import Served, ServiceTotals
from serve.reporting.operation import Answer, Operation, Parameter
from serve.reporting.records.answers import answered
from serve.reporting.records.asked import Asked
from serve.reporting.records.source import records
from serve.rights import Identity, Right

TARGET: Final = 0.995
"""The availability that sessions are to have in a calendar month."""
_MONTH: Final = r"^[2-9][0-9]{3}-(0[1-9]|1[0-2])$"


class ServiceLevel(Part):
    """What sessions got; what has no value, since nothing was used, is null. Times are milliseconds.

    ``availability`` is 1 less ``down_ms`` over ``used_ms``; ``success_rate`` the share of turns that did not
    fail; ``mean_turn_ms`` how long a turn took.
    """

    availability: Ratio | None
    used_ms: Count
    down_ms: Count
    success_rate: Ratio | None
    turns: Count
    failed_turns: Count
    mean_turn_ms: float | None


class ByProtocol(Part):
    """By the protocol that carried the sessions."""

    acp: ServiceLevel
    http: ServiceLevel


class LatencyByProtocol(Part):
    """95th percentiles of the time to an operation's answer, as means over connections; milliseconds."""

    acp: float | None
    http: float | None


class ServiceLevels(Part):
    """A month of an installation. ``is_over``: nothing more comes to it.

    ``budget_left_ms`` is how much longer sessions may be unavailable until ``target`` is missed, below 0
    once it is. Both that and ``is_met`` are null where nothing was used.
    """

    month: str
    since: Moment
    until: Moment
    is_over: bool
    target: Ratio
    is_met: bool | None
    budget_left_ms: int | None
    all: ServiceLevel
    by_protocol: ByProtocol
    latency_p95_ms: LatencyByProtocol
    fallbacks: Count


OPERATION: Final = Operation(
    "GET",
    "/api/v1/service-levels",
    "What an installation got in a month: availability, success and latency.",
    "records",
    Answer(ServiceLevels, has_etag=True),
    Right.RECORDS_READ,
    details="Availability is of the time in which sessions were used; reconnecting counts as unavailable.",
    parameters=(
        Parameter(
            "month",
            {"type": "string", "pattern": _MONTH},
            "Which, as 2026-03, in UTC: this one, unless told.",
        ),
    ),
    faults=(errors.InvalidParamsError, errors.RecordsUnavailableError),
)


async def service_levels(request: Request, identity: Identity) -> Response:
    """``OPERATION``."""
    asked = Asked(request, [one.name for one in OPERATION.parameters])
    now = datetime.now(UTC)
    month = asked.text("month") or f"{now:%Y-%m}"
    since, until = bounds(month)
    async with records().reading() as store:
        totals, speeds = await store.service_totals(identity.installation, since, until)
    latency = {one.value: speeds[one].latency_p95_ms if one in speeds else None for one in Protocol}
    return answered(request, levels_of(month, totals, latency, now))


def bounds(month: str) -> tuple[datetime, datetime]:
    """Where a month begins and ends, in UTC. Raises InvalidParamsError."""
    if not re.fullmatch(_MONTH, month) or month.startswith("9999"):
        raise errors.InvalidParamsError("month: expected one such as 2026-03")
    year, number = map(int, month.split("-"))
    following = (year, number + 1) if number < 12 else (year + 1, 1)
    return datetime(year, number, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)


def levels_of(
    month: str, totals: ServiceTotals, latency: dict[str, float | None], now: datetime
) -> ServiceLevels:
    """What was counted, as service levels."""
    since, until = bounds(month)
    served = totals.served
    both = [served[one] for one in Protocol]
    together = Served(
        sum(one.used_ms for one in both),
        sum(one.down_ms for one in both),
        sum(one.turns for one in both),
        sum(one.failed_turns for one in both),
        sum(one.turn_ms for one in both),
    )
    whole = _level(together)
    is_used = whole.availability is not None
    return ServiceLevels(
        month=month,
        since=since,
        until=until,
        is_over=until <= now,
        target=TARGET,
        is_met=whole.availability >= TARGET if whole.availability is not None else None,
        budget_left_ms=round(together.used_ms * (1.0 - TARGET) - together.down_ms) if is_used else None,
        all=whole,
        by_protocol=ByProtocol(acp=_level(served[Protocol.ACP]), http=_level(served[Protocol.HTTP])),
        latency_p95_ms=LatencyByProtocol(**latency),
        fallbacks=totals.fallbacks,
    )


def _level(served: Served) -> ServiceLevel:
    used, turns = served.used_ms, served.turns
    return ServiceLevel(
        availability=max(0.0, 1.0 - served.down_ms / used) if used else None,
        used_ms=round(used),
        down_ms=round(served.down_ms),
        success_rate=max(0.0, 1.0 - served.failed_turns / turns) if turns else None,
        turns=turns,
        failed_turns=served.failed_turns,
        mean_turn_ms=served.turn_ms / turns if turns else None,
    )
