"""The ASGI application behind everything but ``/acp``."""

from __future__ import annotations

from typing import Final

from starlette.applications import Starlette

from serve import agentapi
from serve.console import routes as console
from serve.reporting import (
    capacity_alerts,
    documented,
    keys,
    live_events,
    overview,
    pool,
    protocol_installations,
    protocol_workspaces,
    questions,
    sign_in,
    workers,
)
from serve.reporting.faults import HANDLERS
from serve.reporting.records import routes as record_routes

_PARTS: Final = (
    overview,
    questions,
    workers,
    pool,
    capacity_alerts,
    live_events,
    keys,
    protocol_installations,
    protocol_workspaces,
    record_routes,
)
OPERATIONS: Final = [operation for part in _PARTS for operation in part.OPERATIONS]
"""All that the OpenAPI document tells of."""

app = Starlette(
    routes=[
        *(route for part in _PARTS for route in part.ROUTES),
        *agentapi.ROUTES,
        *sign_in.ROUTES,
        *console.ROUTES,
        documented.route_of(OPERATIONS),
    ],
    exception_handlers=HANDLERS,
)


def reporting_app() -> Starlette:
    """That of this process; a function, since Serve would copy the application itself by value."""
    return app
