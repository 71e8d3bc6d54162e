"""Live events: what happens in an installation, as it happens, by cursor. Here, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from actors import errors
from serve.ingress.app import INSTALLATION
from serve.ingress.event_stream import KEEPALIVE, event_response
from serve.problem import problem
from serve.reporting.feed_follower import Position
from serve.reporting.live_client import MAX_WATCHING, LiveClient, followers
from serve.reporting.live_socket import serve_socket
from serve.reporting.origin import guarded


async def events(request: Request) -> Response:
    """``GET /api/v1/events``: the messages of ``/ws``; the cursor is each event's id."""
    asked = request.headers.get("last-event-id") or request.query_params.get("cursor")
    try:
        position = Position.parse(asked) if asked else None
        if followers().watching >= MAX_WATCHING:
            raise errors.MailboxFullError(f"{MAX_WATCHING} clients watch events already", 5.0)
    except errors.LumiLinkError as error:
        return problem(error)
    return event_response(_lines(position))


async def _lines(position: Position | None) -> AsyncIterator[bytes]:
    async with (
        followers().watch(INSTALLATION) as follower,
        aclosing(LiveClient(follower, position).messages()) as messages,
    ):
        async for message in messages:
            if message is None:
                yield KEEPALIVE
                continue
            name = f"id: {message.cursor}\n" if message.cursor is not None else ""
            yield f"{name}data: {message.text()}\n\n".encode()


ROUTES = [WebSocketRoute("/ws", serve_socket), Route("/api/v1/events", guarded(events))]
