"""``/api/v1/capacity/alerts``: what is running short of room, and what was lately."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import errors
from actors.events.shell import EventsClient
from serve.ingress.app import INSTALLATION
from serve.problem import problem
from serve.reporting.origin import guarded

STATES = ("open", "resolved", "all")


async def listed(request: Request) -> Response:
    """The open alerts, then resolved ones, newest first; ``?state=open`` or ``resolved``: those alone."""
    state = request.query_params.get("state", "all")
    try:
        if state not in STATES:
            raise errors.InvalidParamsError(f"state: expected {', '.join(STATES)}, got {state[:40]!r}")
        found = await EventsClient().alerts(INSTALLATION)
    except errors.LumiLinkError as error:
        return problem(error)
    wanted = [alert for alert in found if state == "all" or alert.is_open is (state == "open")]
    return Response(msgspec.json.encode({"alerts": wanted}), media_type="application/json")


ROUTES = [Route("/api/v1/capacity/alerts", guarded(listed))]
