"""``/metrics``: what all processes of the gateway count, for Prometheus."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.metrics.client import MetricsClient
from actors.metrics.exposition import CONTENT_TYPE
from serve.reporting.operation import Answer, Operation, route
from serve.rights import Identity, Right


async def shown(_request: Request, _identity: Identity) -> Response:
    """All of it, as it was told within the last 5 s."""
    text = await MetricsClient().text()
    return Response(text, media_type=CONTENT_TYPE)


_METRICS: Final = Operation(
    "GET",
    "/metrics",
    "What all processes count, in Prometheus' text format.",
    "operations",
    Answer({"type": "string"}, media_types=("text/plain",), description="One scrape for the whole gateway."),
    Right.METRICS_READ,
    faults=(errors.WorkerUnavailableError,),
)
OPERATIONS: Final = (_METRICS,)
ROUTES: Final = [route(_METRICS, shown)]
