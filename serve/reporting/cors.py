"""Letting pages of other origins read what AgentAPI for clients of before answers (Fetch standard, CORS).

Which origins may call at all is what ``allowed_origins`` says. A page shows its credential in a header, so
cookies are never asked for.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.reporting.origin import rules

PREFIX: Final = "/sessions"
_ASKED: Final = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Last-Event-ID",
    "Access-Control-Max-Age": "600",
}
_SHOWN: Final = {"Access-Control-Expose-Headers": "Location, Retry-After"}


class Cors:
    """Says to a browser that a page may read an answer, and answers before it when a browser asks first."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        origin = _allowed_origin(scope)
        if origin is None:
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            headers = MutableHeaders(
                headers=_ASKED | {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
            )
            await send({"type": "http.response.start", "status": 204, "headers": headers.raw})
            await send({"type": "http.response.body", "body": b""})
            return

        async def send_shown(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_SHOWN | {"Access-Control-Allow-Origin": origin})
                headers.add_vary_header("Origin")
            await send(message)

        await self._app(scope, receive, send_shown)


def _allowed_origin(scope: Scope) -> str | None:
    """The origin of a request from a page that may call; None for any other request."""
    if scope["type"] != "http" or not (scope["path"] == PREFIX or scope["path"].startswith(f"{PREFIX}/")):
        return None
    origin = Headers(scope=scope).get("origin")
    return origin if origin in rules().allowed_origins else None
