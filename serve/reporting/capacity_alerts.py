"""``/api/v1/capacity/alerts``: what is running short of room, and what was lately."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.events.client import EventsClient
from actors.protocol.capacity_alert import CapacityAlert
from serve.reporting.operation import Answer, Operation, Parameter, route
from serve.rights import Identity, Right

STATES: Final = ("open", "resolved", "all")


class AlertList(msgspec.Struct, frozen=True):
    """The open alerts, then resolved ones, newest first."""

    alerts: list[CapacityAlert]


async def listed(request: Request, identity: Identity) -> Response:
    """The alerts that are kept of the installation."""
    state = request.query_params.get("state", "all")
    if state not in STATES:
        raise errors.InvalidParamsError(f"state: expected {', '.join(STATES)}, got {state[:40]!r}")
    found = await EventsClient().alerts(identity.installation)
    wanted = [alert for alert in found if state == "all" or alert.is_open is (state == "open")]
    return Response(msgspec.json.encode(AlertList(wanted)), media_type="application/json")


_LIST: Final = Operation(
    "GET",
    "/api/v1/capacity/alerts",
    "What is running short of room, and what was lately.",
    "operations",
    Answer(AlertList),
    Right.RECORDS_READ,
    parameters=(
        Parameter(
            "state", {"type": "string", "enum": list(STATES), "default": "all"}, "Only open or resolved."
        ),
    ),
    faults=(errors.InvalidParamsError, errors.WorkerUnavailableError),
)
OPERATIONS: Final = (_LIST,)
ROUTES: Final = [route(_LIST, listed)]
