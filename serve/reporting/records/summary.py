"""``/api/v1/summary``: the figures that tell how ACP does beside HTTP (NFR-005)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.records.figures import Figures, Speed
from actors.records.models import AutomationStatus, Part, Protocol
from actors.records.models.values import Count, Moment, Ratio
from serve.reporting.operation import Answer, Operation, Parameter
from serve.reporting.records.answers import answered
from serve.reporting.records.asked import Asked
from serve.reporting.records.source import records
from serve.rights import Identity, Right

BUCKETS: Final = 60
MOST_BUCKETS: Final = 200
WINDOW: Final = timedelta(days=1)
LONGEST: Final = timedelta(days=366)


class Window(Part):
    """[``from``, ``to``)."""

    since: Annotated[Moment, Field(alias="from")]
    until: Annotated[Moment, Field(alias="to")]


class Sessions(Part):
    """Sessions that are there now, and that were there at some time of the window."""

    live: Count
    total: Count


class ByProtocol(Part):
    """A count for each protocol."""

    acp: Count
    http: Count


class MeasuredByProtocol(Part):
    """A measured value for each protocol; null where nothing was measured."""

    acp: float | None
    http: float | None


class Automations(Part):
    """How automations of the window ended."""

    success: Count
    skipped: Count
    error: Count


class Point(Part):
    """A part of the window, from ``at`` on: sessions that were there at its end, and what happened in it."""

    at: Moment
    acp: Count
    http: Count
    stability: Ratio | None
    success_rate: Ratio | None
    fallbacks: Count


class Summary(Part):
    """The figures of a window. What has no value, since nothing was measured, is null.

    Sessions count for the protocol that carries them now. ``connection_stability`` is 1 less the breaks of
    connections over the sessions that were there; ``success_rate`` the share of turns that did not fail;
    ``fallback_frequency`` fallbacks over sessions; ``adoption`` the share of workspaces with new sessions
    that had one over ACP. ``latency_p95_ms`` and ``throughput_per_min`` are means over connections.
    """

    window: Window
    sessions: Sessions
    protocol_mix: ByProtocol
    connection_stability: Ratio | None
    success_rate: Ratio | None
    fallbacks: Count
    fallback_frequency: Ratio | None
    adoption: Ratio | None
    automation: Automations
    latency_p95_ms: MeasuredByProtocol
    throughput_per_min: MeasuredByProtocol
    series: tuple[Point, ...]


_MOMENT: Final = {"type": "string", "format": "date-time"}
_PARTS: Final = {"type": "integer", "minimum": 1, "maximum": MOST_BUCKETS, "default": BUCKETS}

OPERATION: Final = Operation(
    "GET",
    "/api/v1/summary",
    "How ACP does beside HTTP in a window of time.",
    "records",
    Answer(Summary, has_etag=True),
    Right.RECORDS_READ,
    details="Protocol mix, stability, success, fallbacks, adoption, latency, throughput, and their course.",
    parameters=(
        Parameter("from", _MOMENT, "Where the window begins: a day before its end, unless told."),
        Parameter("to", _MOMENT, "Where it ends: now, unless told. It is at most 366 days long."),
        Parameter("points", _PARTS, "Into how many parts the window is cut for the series."),
    ),
    faults=(errors.InvalidParamsError, errors.RecordsUnavailableError),
)


async def summary(request: Request, identity: Identity) -> Response:
    """``OPERATION``."""
    asked = Asked(request, [one.name for one in OPERATION.parameters])
    until = asked.moment("to") or datetime.now(UTC)
    since = asked.moment("from") or until - WINDOW
    if not timedelta(milliseconds=1) <= until - since <= LONGEST:
        raise errors.InvalidParamsError(
            "from, to: expected a window of at most 366 days that ends after it begins"
        )
    points = asked.number("points", BUCKETS, MOST_BUCKETS)
    async with records().reading() as store:
        found = await store.figures(identity.installation, since, until, points)
    return answered(request, summary_of(found, since, until))


def summary_of(found: Figures, since: datetime, until: datetime) -> Summary:
    """The summary that figures make."""
    began = {one: sum(bucket.began[one] for bucket in found.buckets) for one in Protocol}
    mix = {one: max(0, found.before[one]) + began[one] for one in Protocol}
    total = sum(mix.values())
    fallbacks = sum(bucket.fallbacks for bucket in found.buckets)
    turns = sum(bucket.turns for bucket in found.buckets)
    failed = sum(bucket.failed_turns for bucket in found.buckets)
    speed = {one: found.speeds.get(one, Speed()) for one in Protocol}
    return Summary(
        window=Window.model_validate({"from": since, "to": until}),
        sessions=Sessions(live=found.live, total=total),
        protocol_mix=ByProtocol(acp=mix[Protocol.ACP], http=mix[Protocol.HTTP]),
        connection_stability=_rest(sum(bucket.breaks for bucket in found.buckets), total),
        success_rate=_rest(failed, turns),
        fallbacks=fallbacks,
        fallback_frequency=_share(fallbacks, total),
        adoption=_share(found.acp_workspaces, found.workspaces),
        automation=Automations(**{one.value: found.automations[one] for one in AutomationStatus}),
        latency_p95_ms=MeasuredByProtocol(**{one.value: speed[one].latency_p95_ms for one in Protocol}),
        throughput_per_min=MeasuredByProtocol(
            **{one.value: speed[one].throughput_per_min for one in Protocol}
        ),
        series=_series(found),
    )


def _series(found: Figures) -> tuple[Point, ...]:
    there = {one: max(0, found.before[one]) for one in Protocol}
    points = []
    for bucket in found.buckets:
        seen = sum(there.values()) + sum(bucket.began.values())
        there = {one: max(0, there[one] + bucket.began[one] - bucket.ended[one]) for one in Protocol}
        points.append(
            Point(
                at=bucket.since,
                acp=there[Protocol.ACP],
                http=there[Protocol.HTTP],
                stability=_rest(bucket.breaks, seen),
                success_rate=_rest(bucket.failed_turns, bucket.turns),
                fallbacks=bucket.fallbacks,
            )
        )
    return tuple(points)


def _share(part: float, whole: float) -> float | None:
    return min(1.0, max(0.0, part / whole)) if whole > 0 else None


def _rest(part: float, whole: float) -> float | None:
    share = _share(part, whole)
    return None if share is None else 1.0 - share
