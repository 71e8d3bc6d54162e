"""What AgentAPI has no need of, for it serves one session: making, listing and closing them, and actions."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import errors
from serve.agentapi import conversations
from serve.agentapi.actions import action_of, result_of
from serve.agentapi.answers import answer, base_url
from serve.agentapi.bodies import (
    ActionRequest,
    ActionsBody,
    OkBody,
    SessionBody,
    SessionRequest,
    SessionRow,
    SessionsBody,
    schema_of,
)
from serve.agentapi.internal_client import InternalClient
from serve.agentapi.requests import body_of, needs, session_of, until_ready
from serve.agentapi.service import service
from serve.rights import Identity, Right

LIST_S = 15.0


class _Meta(Struct):
    lumilink: dict[str, Raw] = {}


class _Listed(Struct, rename="camel"):
    session_id: str
    cwd: str
    updated_at: str
    title: str | None = None
    meta: _Meta = msgspec.field(default_factory=_Meta, name="_meta")


class _Page(Struct, rename="camel"):
    sessions: list[_Listed]
    next_cursor: str | None = None


class _Nobody:
    """Listens for a client that only lists."""

    def notified(self, method: str, params: Raw, seq: int) -> None:
        """Nothing is watched."""

    def asked(self, request_id: Raw, method: str, params: Raw) -> None:
        """Nothing is watched."""

    def attached(self) -> None:
        """Nothing is watched."""

    def ended(self, error: errors.LumiLinkError) -> None:
        """Nothing is watched."""


@needs(Right.SESSIONS_USE)
async def open_new(request: Request, identity: Identity) -> Response:
    """Start a session."""
    asked = await body_of(request, SessionRequest)
    ours = {"workspaceId": asked.workspace_id, "containerId": asked.container_id}
    named = {name: value for name, value in ours.items() if value is not None}
    params: dict[str, object] = {
        "cwd": asked.cwd,
        "mcpServers": asked.mcp_servers,
        "_meta": {"lumilink": named},
    }
    watcher = await service().watchers.open_new(identity, params)
    url = _url(request, watcher.session_id)
    return answer(request, SessionBody(watcher.session_id, url), 201, {"Location": url})


@needs(Right.SESSIONS_READ)
async def listed(request: Request, identity: Identity) -> Response:
    """The installation's sessions, the one used last first; ``?cursor=`` for the next page, ``?cwd=``."""
    query = request.query_params
    params = {name: query[name] for name in ("cwd", "cursor") if name in query}
    client = InternalClient(service().gateway, identity, _Nobody())
    try:
        page = msgspec.json.decode(await client.ask("session/list", params, LIST_S), type=_Page)
    finally:
        await client.close()
    rows = [_row(request, one) for one in page.sessions]
    return answer(request, SessionsBody(rows, page.next_cursor))


@needs(Right.SESSIONS_USE)
async def closed(request: Request, identity: Identity) -> Response:
    """Close a session: its turn is cancelled, its agent told."""
    async with service().watchers.use(identity.installation, session_of(request)) as watcher:
        await until_ready(watcher)
        await watcher.end_session()
    return Response(status_code=204)


@needs(Right.SESSIONS_READ)
async def actions(request: Request, identity: Identity) -> Response:
    """What the agent asks and nobody has decided."""
    async with service().watchers.use(identity.installation, session_of(request)) as watcher:
        await until_ready(watcher)
        found = [action_of(question) for question in watcher.questions.values()]
    return answer(request, ActionsBody(found))


@needs(Right.SESSIONS_USE)
async def act(request: Request, identity: Identity) -> Response:
    """Decide a question; answered once the decision is in the journal."""
    asked = await body_of(request, ActionRequest)
    async with service().watchers.use(identity.installation, session_of(request)) as watcher:
        await until_ready(watcher)
        question = watcher.questions.get(asked.id.rpartition("/")[2])
        if question is None:
            raise errors.QuestionUnknownError(f"no open question has the id {asked.id!r}")
        await watcher.decide(question.question_id, result_of(question, asked))
    return answer(request, OkBody(ok=True))


async def schema(request: Request) -> Response:
    """The JSON Schema that a ``$schema`` names."""
    found = schema_of(request.path_params["name"])
    if found is None:
        return Response(status_code=404)
    return Response(msgspec.json.encode(found), media_type="application/schema+json")


def _row(request: Request, one: _Listed) -> SessionRow:
    about = one.meta.lumilink
    return SessionRow(
        session_id=one.session_id,
        cwd=one.cwd,
        updated_at=one.updated_at,
        url=_url(request, one.session_id),
        title=one.title,
        workspace_id=_text(about.get("workspaceId")),
        turn=_text(about.get("turn")),
    )


def _text(raw: Raw | None) -> str | None:
    found: object = None if raw is None else msgspec.json.decode(raw)
    return found if isinstance(found, str) else None


def _url(request: Request, session_id: str) -> str:
    return f"{base_url(request)}/sessions/{session_id}"


_GET = ["GET"]
_POST = ["POST"]
_ONE = "/sessions/{session_id}"

ROUTES = [
    Route("/sessions/schemas/{name}.json", schema, methods=_GET),
    Route("/sessions", listed, methods=_GET),
    Route("/sessions", open_new, methods=_POST),
    Route(_ONE, closed, methods=["DELETE"]),
    Route(f"{_ONE}/status", conversations.status, methods=_GET),
    Route(f"{_ONE}/messages", conversations.messages, methods=_GET),
    Route(f"{_ONE}/message", conversations.message, methods=_POST),
    Route(f"{_ONE}/events", conversations.events, methods=_GET),
    Route(f"{_ONE}/upload", conversations.upload, methods=_POST),
    Route(f"{_ONE}/cancel", conversations.cancel, methods=_POST),
    Route(f"{_ONE}/action", actions, methods=_GET),
    Route(f"{_ONE}/action", act, methods=_POST),
]
