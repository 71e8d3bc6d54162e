"""AgentAPI's own calls, for one session each: status, messages, message, events, upload."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from actors import errors
from serve.agentapi.answers import answer
from serve.agentapi.bodies import (
    MessageBody,
    MessageRequest,
    MessagesBody,
    OkBody,
    StatusBody,
    UploadBody,
)
from serve.agentapi.conversation import STABLE
from serve.agentapi.events import HEADERS, event_lines, position_of
from serve.agentapi.requests import body_of, file_of, needs, session_of, until_ready
from serve.agentapi.service import service
from serve.agentapi.watcher import Watcher
from serve.rights import Identity, Right, while_valid

STATUS_S: Final = 0.7
IDEMPOTENCY_KEY: Final = "idempotency-key"
CANCEL_KEYS: Final = ("\x1b", "\x03")
"""Escape and Ctrl-C: the keys that stop an agent in its terminal."""


@needs(Right.SESSIONS_READ)
async def status(request: Request, identity: Identity) -> Response:
    """How the agent is, within a second: where that cannot be known by then, how it was last."""
    agent_type = await service().agent_type()
    async with service().watchers.use(identity.installation, session_of(request)) as watcher:
        try:
            known = await watcher.ready(STATUS_S)
        except errors.LumiLinkError as error:
            if not error.retryable:
                raise
            known = False
        body = StatusBody(
            status="stable" if known and watcher.status == STABLE else "running",
            agent_type=agent_type,
            transport="acp",
            stale=not (known and watcher.is_current),
        )
    return answer(request, body)


@needs(Right.SESSIONS_READ)
async def messages(request: Request, identity: Identity) -> Response:
    """The conversation."""
    async with service().watchers.use(identity.installation, session_of(request)) as watcher:
        await until_ready(watcher)
        found = [
            MessageBody(one.number, "user" if one.role == "user" else "agent", one.text, one.time)
            for one in watcher.conversation.messages
        ]
    return answer(request, MessagesBody(found))


@needs(Right.SESSIONS_USE)
async def message(request: Request, identity: Identity) -> Response:
    """Say something; with ``?queue=true`` it waits for the running turn instead of being refused."""
    asked = await body_of(request, MessageRequest)
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is not None and not 1 <= len(key) <= 200:
        raise errors.InvalidParamsError("Idempotency-Key: expected 1 to 200 characters")
    async with service().watchers.use(identity.installation, session_of(request)) as watcher:
        await until_ready(watcher)
        if asked.type == "raw":
            await _press(watcher, asked.content)
            return answer(request, OkBody(ok=True))
        text = asked.content.strip()
        if not text:
            raise errors.InvalidParamsError("content: must not be empty")
        await watcher.say(text, key, may_wait=request.query_params.get("queue") == "true")
    return answer(request, OkBody(ok=True))


async def _press(watcher: Watcher, keys: str) -> None:
    if keys not in CANCEL_KEYS:
        raise errors.AgentCapabilityError(
            "raw: the agent has no terminal; only Escape and Ctrl-C mean something"
        )
    await watcher.cancel()


@needs(Right.SESSIONS_READ)
async def events(request: Request, identity: Identity) -> Response:
    """The conversation as it goes on; after ``Last-Event-ID`` if the client names one."""
    after = position_of(request.headers.get("last-event-id"))
    agent_type, session_id = await service().agent_type(), session_of(request)
    async with service().watchers.use(identity.installation, session_id) as watcher:
        service().check_readers()
        await until_ready(watcher)
    lines = _events(identity.installation, session_id, after, agent_type)
    return StreamingResponse(while_valid(identity, lines), headers=HEADERS, media_type="text/event-stream")


async def _events(
    installation: str, session_id: str, after: int | None, agent_type: str
) -> AsyncIterator[bytes]:
    """Opened only once the response is under way: a client that has left by then holds nothing."""
    keepalive_s = service().gateway.settings.sse_keepalive_s
    async with service().watchers.use(installation, session_id) as watcher:
        with service().reading():
            await until_ready(watcher)
            async for lines in event_lines(watcher, after, agent_type, keepalive_s):
                yield lines


@needs(Right.SESSIONS_USE)
async def upload(request: Request, identity: Identity) -> Response:
    """Put a file where the agent runs, if the agent has a way to take one."""
    name, content = await file_of(request)
    async with service().watchers.use(identity.installation, session_of(request)) as watcher:
        await until_ready(watcher)
        path = await watcher.upload(name, content)
    return answer(request, UploadBody(ok=True, file_path=path))


@needs(Right.SESSIONS_USE)
async def cancel(request: Request, identity: Identity) -> Response:
    """Cancel what runs and what waits."""
    async with service().watchers.use(identity.installation, session_of(request)) as watcher:
        await until_ready(watcher)
        await watcher.cancel()
    return answer(request, OkBody(ok=True))
