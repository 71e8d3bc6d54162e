"""Live events: what happens in an installation, as it happens, by cursor. Here, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute

from actors import errors
from serve.ingress.event_stream import KEEPALIVE, event_response
from serve.reporting.feed_follower import Position
from serve.reporting.live_client import MAX_WATCHING, LiveClient, followers
from serve.reporting.live_socket import serve_socket
from serve.reporting.operation import Answer, Operation, Parameter, route
from serve.rights import Identity, Right, while_valid


async def events(request: Request, identity: Identity) -> Response:
    """``GET /api/v1/events``: the messages of ``/ws``; the cursor is each event's id."""
    asked = request.headers.get("last-event-id") or request.query_params.get("cursor")
    position = Position.parse(asked) if asked else None
    if followers().watching >= MAX_WATCHING:
        raise errors.MailboxFullError(f"{MAX_WATCHING} clients watch events already", 5.0)
    return event_response(while_valid(identity, _lines(identity.installation, position)))


async def _lines(installation: str, position: Position | None) -> AsyncIterator[bytes]:
    async with (
        followers().watch(installation) as follower,
        aclosing(LiveClient(follower, position).messages()) as messages,
    ):
        async for message in messages:
            if message is None:
                yield KEEPALIVE
                continue
            name = f"id: {message.cursor}\n" if message.cursor is not None else ""
            yield f"{name}data: {message.text()}\n\n".encode()


_EVENTS: Final = Operation(
    "GET",
    "/api/v1/events",
    "What happens in the installation, as it happens: the messages of /ws as server-sent events.",
    "events",
    Answer({"type": "string"}, media_types=("text/event-stream",), description="A stream without end."),
    Right.RECORDS_READ,
    details="Each event's id is a cursor; Last-Event-ID or the parameter cursor go on from one.",
    parameters=(Parameter("cursor", {"type": "string"}, "That of an event, or 0 for all that is kept."),),
    faults=(errors.InvalidParamsError, errors.MailboxFullError),
)
OPERATIONS: Final = (_EVENTS,)
ROUTES: Final = [WebSocketRoute("/ws", serve_socket), route(_EVENTS, events)]
