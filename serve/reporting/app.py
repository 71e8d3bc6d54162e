"""The ASGI application behind everything but ``/acp``."""

from __future__ import annotations

from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware

from serve import agentapi
from serve.console import routes as console
from serve.reporting import (
    automation,
    capacity_alerts,
    documented,
    erasure,
    keys,
    live_events,
    metrics,
    overview,
    pool,
    protocol_installations,
    protocol_workspaces,
    questions,
    session_status,
    sign_in,
    webhooks,
    workers,
)
from serve.reporting.cors import Cors
from serve.reporting.faults import HANDLERS
from serve.reporting.instances import routes as instance_routes
from serve.reporting.jobs import routes as job_routes
from serve.reporting.records import routes as record_routes
from serve.reporting.runners import sockets as runner_sockets
from serve.reporting.settings_registry import routes as setting_routes

_PARTS: Final = (
    overview,
    questions,
    session_status,
    automation,
    webhooks,
    workers,
    pool,
    capacity_alerts,
    live_events,
    metrics,
    keys,
    protocol_installations,
    protocol_workspaces,
    erasure,
    job_routes,
    instance_routes,
    setting_routes,
    record_routes,
)
OPERATIONS: Final = [operation for part in _PARTS for operation in part.OPERATIONS]
"""All that the OpenAPI document tells of."""

app = Starlette(
    routes=[
        *(route for part in _PARTS for route in part.ROUTES),
        *agentapi.ROUTES,
        *sign_in.ROUTES,
        *runner_sockets.ROUTES,
        *console.ROUTES,
        documented.route_of(OPERATIONS),
    ],
    exception_handlers=HANDLERS,
    middleware=[Middleware(Cors)],
)


def reporting_app() -> Starlette:
    """That of this process; a function, since Serve would copy the application itself by value."""
    return app
