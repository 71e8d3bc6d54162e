"""The console before a reporting API that does what a test wants: same addresses and shapes, no Ray."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from serve.console.routes import ROUTES
from serve.rights.roles import Role, rights_of
from support import console_figures
from support.console_data import ON_HTTP, ConsoleData, Json
from support.console_feed import ConsoleFeed

KEY = "lk_test_sesame"
_READY_S = 10.0


@dataclass
class ConsoleBackend:
    """``absent`` are patterns of paths that answer 503; ``changes`` are the changes that were carried out."""

    data: ConsoleData
    roles: frozenset[Role] = frozenset(Role)
    needs_key: bool = False
    absent: set[str] = field(default_factory=set)
    changes: list[Json] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    policy: Json = field(default_factory=console_figures.policy)
    states: dict[str, str] = field(default_factory=lambda: {ON_HTTP: "rolled-back"})
    feed: ConsoleFeed = field(default_factory=ConsoleFeed)
    url: str = ""

    # ------------------------------------------------------------------ who asks

    def may(self, request: Request) -> bool:
        return not self.needs_key or request.cookies.get("lumilink_key") == "yes"

    async def identity(self, request: Request) -> Response:
        if not self.may(request):
            return _problem(401, "authentication-required", "Send a valid API key.")
        rights = sorted(rights_of(self.roles))
        credential = "lk_test" if self.needs_key else ""
        about = {"installation": "default", "user": "ada" if credential else "", "credential": credential}
        return JSONResponse({**about, "roles": sorted(self.roles), "rights": rights})

    async def sign_in(self, request: Request) -> Response:
        if request.method == "DELETE":
            answer = Response(status_code=204)
            answer.delete_cookie("lumilink_key", path="/")
            return answer
        if (await request.json())["key"] != KEY:
            return _problem(401, "authentication-required", "this key is not valid")
        answer = Response(status_code=204)
        answer.set_cookie("lumilink_key", "yes", httponly=True, samesite="strict")
        return answer

    # ------------------------------------------------------------------ what is read

    async def api(self, request: Request) -> Response:
        path, query = request.url.path.removeprefix("/api/v1/"), dict(request.query_params)
        self.asked.append(f"{path}?{request.url.query}")
        if not self.may(request):
            return _problem(401, "authentication-required", "Send a valid API key.")
        if any(re.fullmatch(pattern, path) for pattern in self.absent):
            return _problem(503, "records-unavailable", "the records cannot be read now")
        found = self._found(path, query)
        if found is None:
            return _problem(404, "record-not-found", "There is no such record.")
        return found if isinstance(found, Response) else JSONResponse(found)

    def _found(self, path: str, query: dict[str, str]) -> Json | Response | None:
        live = len(self.data.sessions)
        if path == "summary":
            start, end = (datetime.fromisoformat(query[name]) for name in ("from", "to"))
            return console_figures.summary_of(start, end, live)
        if path == "service-levels":
            return console_figures.service_levels_of(live)
        if path == "topology":
            return console_figures.topology_of(live)
        if path == "capacity/alerts":
            return {"alerts": self.data.alerts}
        if path in ("sessions", "connections", "rollbacks", "migrations", "automations"):
            return _page(getattr(self.data, path), query)
        return self._found_one(path, query)

    def _found_one(self, path: str, query: dict[str, str]) -> Json | Response | None:
        kind, _, rest = path.partition("/")
        if kind == "connections":
            return next((one for one in self.data.connections if one["connectionId"] == rest), None)
        if kind == "transcripts":
            entries = self.data.transcript(self.data.sessions[0])
            return _page([one for one in entries if query["q"].lower() in one["message"].lower()], {})
        if kind != "sessions":
            return {"items": [], "nextCursor": None}
        session_id, _, part = rest.partition("/")
        session = self.data.session(session_id)
        if session is None or not part:
            return session
        if part == "status":
            return self.data.status(session)
        return _page(getattr(self.data, part)(session), query)

    # ------------------------------------------------------------------ what is changed

    async def installation(self, request: Request) -> Response:
        etag = f'"{self.policy["version"]}"'
        if request.method == "GET":
            return JSONResponse(self.policy, headers={"ETag": etag})
        wanted = await request.json()
        if request.headers.get("if-match") != etag:
            return _problem(412, "precondition-failed", "The policy is another by now.")
        if request.query_params.get("dryRun") == "true":
            return JSONResponse({**wanted, "workspaces": ["billing", "warehouse"], "workspacesCount": 2})
        self.policy = {**wanted, "version": self.policy["version"] + 1}
        self.changes.append({"policy": wanted, "key": request.headers.get("idempotency-key")})
        return JSONResponse(self.policy)

    async def workspace(self, request: Request) -> Response:
        name, action = request.path_params["id"], request.path_params.get("action")
        found = console_figures.standing(name, self.states.get(name, "acp"), self.data.ago(24))
        if action is None:
            return JSONResponse(found, headers={"ETag": f'"{found["version"]}"'})
        to = "http" if action == "rollback" else "acp"
        if request.query_params.get("dryRun") == "true":
            return JSONResponse({**found, "wouldBe": to})
        self.states[name] = "pinned-http" if to == "http" else "moving"
        said = await request.json()
        self.changes.append(
            {"workspace": name, "action": action, "key": request.headers["idempotency-key"], **said}
        )
        return JSONResponse(console_figures.standing(name, self.states[name], self.data.ago(0)))

    def app(self) -> Starlette:
        """All routes; those of the console come last, so that the identity is the test's."""
        workspace = "/api/v1/workspaces/{id}/protocol"
        return Starlette(
            routes=[
                Route("/console/identity", self.identity),
                Route("/console/session", self.sign_in, methods=["POST", "DELETE"]),
                Route("/api/v1/installations/{id}/protocol", self.installation, methods=["GET", "PUT"]),
                Route(workspace, self.workspace),
                Route(f"{workspace}/{{action}}", self.workspace, methods=["POST"]),
                Route("/api/v1/{path:path}", self.api),
                WebSocketRoute("/ws", self.feed.serve),
                *ROUTES,
            ]
        )


@contextmanager
def console_backend(sessions: int = 120) -> Iterator[ConsoleBackend]:
    """A backend that listens on loopback, in a thread of its own."""
    backend = ConsoleBackend(ConsoleData(sessions))
    server = uvicorn.Server(
        uvicorn.Config(backend.app(), log_level="warning", ws="websockets-sansio", lifespan="off")
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        backend.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread = threading.Thread(target=server.run, args=([listening],), name="console backend")
        thread.start()
        try:
            _wait_until_started(server)
            yield backend
        finally:
            server.should_exit = server.force_exit = True
            thread.join(_READY_S)


def _wait_until_started(server: uvicorn.Server) -> None:
    deadline = time.monotonic() + _READY_S
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError("the console's backend did not start")
        time.sleep(0.01)


def _page(items: list[Json], query: dict[str, str]) -> Json:
    for name in ("workspaceId", "protocolType"):
        if name in query:
            items = [one for one in items if one[name] == query[name]]
    begin, limit = int(query.get("cursor") or 0), int(query.get("limit", 50))
    end = begin + limit
    return {"items": items[begin:end], "nextCursor": str(end) if end < len(items) else None}


def _problem(status: int, code: str, detail: str) -> Response:
    body = {"status": status, "code": code, "detail": detail, "recovery": "Try again in a moment."}
    return Response(json.dumps(body), status, media_type="application/problem+json")
