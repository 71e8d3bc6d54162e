"""Role by role and route by route: who gets in. A route that is new, or that asks for nothing, fails here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import httpx
import pytest
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Message

from actors.capacity.client import CapacityClient
from actors.errors import AuthenticationError
from serve import agentapi
from serve.agentapi.watchers import Watchers
from serve.ingress.gateway import Gateway, IngressSettings
from serve.ingress.links import WorkerLinks
from serve.reporting import live_events, live_socket
from serve.reporting.app import app
from serve.rights.gate import OpenGate, gate, put
from serve.rights.identity import Identity
from serve.rights.roles import RIGHTS, Right, Role

INSTALLATION: Final = "acme"
FREE: Final = {
    "GET /healthz",
    "GET /readyz",
    # The page and its files hold nothing of anybody's, and the session is what one gets in by.
    "GET /console",
    "GET /console/assets/{}",
    "GET /sessions/schemas/{}.json",
    "GET /api/v1/openapi.json",
    "DELETE /console/session",
    # What GitHub delivers is proven by its signature.
    "POST /api/v1/webhooks/github",
}
SIGNED_IN: Final = {"POST /console/session", "GET /console/identity"}
"""What anybody may who is somebody."""
WORKERS: Final = {"WS /runner/agents/{installation}/{name}"}
"""For the gateway's own workers: no credential of anybody's opens it."""
NEEDED: Final = {
    "GET /api/v1/topology": Right.TOPOLOGY_READ,
    "GET /metrics": Right.METRICS_READ,
    "GET /api/v1/pool": Right.TOPOLOGY_READ,
    "PUT /api/v1/pool": Right.WORKERS_CHANGE,
    "POST /api/v1/workers/{}/drain": Right.WORKERS_CHANGE,
    "GET /api/v1/sessions/{}/questions": Right.SESSIONS_READ,
    "GET /api/v1/sessions/{}/status": Right.SESSIONS_READ,
    "POST /api/v1/sessions/{}/questions/{}": Right.SESSIONS_USE,
    "POST /api/v1/sessions/{}/automation": Right.SESSIONS_USE,
    "GET /api/v1/keys": Right.KEYS_CHANGE,
    "POST /api/v1/keys": Right.KEYS_CHANGE,
    "DELETE /api/v1/keys/{}": Right.KEYS_CHANGE,
    "GET /api/v1/audit/export": Right.AUDIT_EXPORT,
    "PUT /api/v1/installations/{}/protocol": Right.PROTOCOL_CHANGE,
    "DELETE /api/v1/installations/{}": Right.ERASE,
    "DELETE /api/v1/subjects/{}": Right.ERASE,
    "GET /api/v1/erasures/{}": Right.ERASE,
    "PUT /api/v1/workspaces/{}/protocol": Right.PROTOCOL_CHANGE,
    # For what they work on users may do it, too.
    "POST /api/v1/workspaces/{}/protocol/rollback": Right.SESSIONS_USE,
    "POST /api/v1/workspaces/{}/protocol/return": Right.PROTOCOL_CHANGE,
    "GET /sessions": Right.SESSIONS_READ,
    "GET /sessions/{}/status": Right.SESSIONS_READ,
    "GET /sessions/{}/messages": Right.SESSIONS_READ,
    "GET /sessions/{}/events": Right.SESSIONS_READ,
    "GET /sessions/{}/action": Right.SESSIONS_READ,
    "POST /sessions": Right.SESSIONS_USE,
    "DELETE /sessions/{}": Right.SESSIONS_USE,
    "POST /sessions/{}/message": Right.SESSIONS_USE,
    "POST /sessions/{}/upload": Right.SESSIONS_USE,
    "POST /sessions/{}/action": Right.SESSIONS_USE,
    "POST /sessions/{}/cancel": Right.SESSIONS_USE,
    **{
        f"{method} {prefix}/jobs{path}": right
        for prefix in ("", "/api/v1")
        for method, path, right in (
            ("POST", "", Right.JOBS_CHANGE),
            ("GET", "", Right.RECORDS_READ),
            ("GET", "/{}", Right.RECORDS_READ),
            ("POST", "/{}/cancel", Right.JOBS_CHANGE),
            ("POST", "/{}/retry", Right.JOBS_CHANGE),
            ("GET", "/poll", Right.JOBS_RUN),
            ("POST", "/progress", Right.JOBS_RUN),
            ("POST", "/complete", Right.JOBS_RUN),
        )
    },
    "POST /api/v1/instances/{}/logs": Right.JOBS_RUN,
    "POST /instances/{}/logs": Right.JOBS_RUN,
    "GET /instances/{}/logs": Right.RECORDS_READ,
    "POST /api/v1/settings": Right.SETTINGS_CHANGE,
    "PUT /api/v1/settings/{}": Right.SETTINGS_CHANGE,
    "PUT /api/v1/settings/{}/value": Right.SETTINGS_CHANGE,
    "DELETE /api/v1/settings/{}": Right.SETTINGS_CHANGE,
    "POST /api/v1/agents": Right.JOBS_RUN,
    "POST /api/v1/agents/{}/deactivate": Right.JOBS_CHANGE,
    "POST /api/v1/agents/{}/activate": Right.JOBS_CHANGE,
    "WS /ws": Right.RECORDS_READ,
    "WS /runner/{jobId}": Right.JOBS_RUN,
}
"""What is read under ``/api/v1`` needs ``records-read`` unless it stands here; all else must stand here."""


def names_of(route: BaseRoute) -> Iterator[str]:
    if isinstance(route, WebSocketRoute):
        yield f"WS {route.path}"
    else:
        assert isinstance(route, Route), route
        assert route.methods is not None, f"{route.path} takes any method"
        path = re.sub(r"\{[^}]+\}", "{}", route.path)
        yield from (f"{method} {path}" for method in route.methods - {"HEAD"})


ROUTES: Final = sorted({name for route in app.routes for name in names_of(route)})


def needed(name: str) -> Right | None:
    if name in NEEDED or name in FREE:
        return NEEDED.get(name)
    return Right.RECORDS_READ if name.startswith("GET /api/v1/") else None


class _Gate(OpenGate):
    """Lets in whoever it is told to; nobody, if that is None."""

    def __init__(self, roles: frozenset[Role] | None) -> None:
        self._roles = roles

    async def identify(self, connection: HTTPConnection) -> Identity:
        if self._roles is None:
            raise AuthenticationError("no credential was sent")
        return Identity(INSTALLATION, "ann", self._roles, "")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing stands behind the routes, and no stream begins: what was let in fails at once."""

    def nobody(*_: object, **__: object) -> None:
        raise ValueError("there is no such actor")

    monkeypatch.setattr("ray.get_actor", nobody)
    capacity = CapacityClient()
    gateway = Gateway(IngressSettings("secret"), WorkerLinks("test", "secret", capacity), capacity)
    monkeypatch.setattr(agentapi.service(), "_watchers", Watchers(gateway))
    monkeypatch.setattr(live_events, "MAX_WATCHING", 0)
    monkeypatch.setattr(live_socket, "MAX_WATCHING", 0)
    before = gate()
    yield
    put(before)


async def status(name: str, roles: frozenset[Role] | None) -> int:
    """What somebody in these roles is answered; 101 if a WebSocket is accepted."""
    put(_Gate(roles))
    method, path = name.split(" ", 1)
    # An installation is the caller's own, or it is refused for that.
    path = path.replace("installations/{}", f"installations/{INSTALLATION}").replace("{}", "x")
    if method == "WS":
        return await handshake(path)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return (await client.request(method, path)).status_code


async def handshake(path: str) -> int:
    """The status that a WebSocket is refused with; 101 if it is accepted."""
    answered: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect" if not answered else "websocket.disconnect", "code": 1000}

    async def send(message: Message) -> None:
        answered.append(message)

    extensions: dict[str, object] = {"websocket.http.response": {}}
    scope = {"type": "websocket", "path": path, "headers": [(b"host", b"127.0.0.1")], "query_string": b""}
    await app({**scope, "subprotocols": [], "extensions": extensions}, receive, send)
    found = answered[0].get("status", 101)
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize("name", ROUTES)
def test_every_route_is_free_or_named_here_or_reads_records(name: str):
    assert (name in FREE) + (name in SIGNED_IN | WORKERS) + (needed(name) is not None) == 1


@pytest.mark.parametrize("name", ROUTES)
async def test_without_a_credential_only_what_is_free_is_answered(name: str):
    assert (await status(name, None) == 401) is (name not in FREE)


@pytest.mark.parametrize("name", [name for name in ROUTES if name not in FREE])
async def test_a_credential_without_a_role_opens_nothing(name: str):
    assert (await status(name, frozenset()) == 403) is (name not in SIGNED_IN | WORKERS)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", [name for name in ROUTES if name not in FREE | SIGNED_IN | WORKERS])
async def test_a_role_opens_the_routes_that_its_rights_are_for_and_no_others(name: str, role: Role):
    right = needed(name)
    answered = await status(name, frozenset({role}))

    assert answered != 401
    assert (answered != 403) is (right in RIGHTS[role])
