"""HTTP errors as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import math
from typing import Final

import msgspec
from starlette.responses import Response
from starlette.websockets import WebSocket

from actors import errors
from actors.metrics.faults import count_fault
from actors.protocol.redaction import redact

CLOSE_REFUSED: Final = 1008


def problem(error: errors.LumiLinkError) -> Response:
    """The response for an error: its status, code, category and recovery sentence."""
    count_fault(error, "http")
    body = {
        "type": "about:blank",
        "title": error.code.replace("-", " "),
        "status": error.http_status,
        # It may name what was sent, and that may be anything.
        "detail": redact(error.detail),
        **error.data(),
    }
    headers = {}
    if error.http_status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="lumilink"'
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    return Response(msgspec.json.encode(body), error.http_status, headers, "application/problem+json")


async def refuse(socket: WebSocket, error: errors.LumiLinkError) -> None:
    """Answer a WebSocket's handshake with an error; where the server cannot, the socket is just closed."""
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(problem(error))
    else:
        await socket.close(CLOSE_REFUSED, error.code)
