"""The ASGI application behind ``/acp``."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from actors import errors
from serve.ingress import guard
from serve.ingress.gateway import Gateway
from serve.ingress.http import StreamableHttp
from serve.ingress.websocket import serve_websocket
from serve.problem import CLOSE_REFUSED, problem, refuse
from serve.rights import identify


class IngressApp:
    """Dispatches by transport: a WebSocket, or one of the requests of streamable HTTP."""

    def __init__(self) -> None:
        self._gateway: Gateway | None = None
        self._http: StreamableHttp | None = None

    def bind(self, gateway: Gateway, http: StreamableHttp) -> None:
        """What the replica made once its loop ran."""
        self._gateway = gateway
        self._http = http

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if self._gateway is None or self._http is None:
            await problem(errors.WorkerUnavailableError("the replica is starting", 1.0))(scope, receive, send)
            return
        settings = self._gateway.settings
        why = guard.refusal(dict(scope["headers"]), settings.allowed_hosts, settings.allowed_origins)
        if scope["type"] == "websocket":
            await _serve_socket(self._gateway, why, scope, receive, send)
            return
        try:
            if why is not None:
                raise errors.InvalidRequestError(why)
            response = await self._http.respond(scope, receive, await identify(HTTPConnection(scope)))
        except errors.LumiLinkError as error:
            response = problem(error)
        await response(scope, receive, send)


async def _serve_socket(
    gateway: Gateway, why: str | None, scope: Scope, receive: Receive, send: Send
) -> None:
    if why is not None:
        await receive()
        await send({"type": "websocket.close", "code": CLOSE_REFUSED, "reason": why})
        return
    try:
        identity = await identify(HTTPConnection(scope))
    except errors.LumiLinkError as error:
        await refuse(WebSocket(scope, receive, send), error)
    else:
        await serve_websocket(gateway, identity, scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return


_app = IngressApp()


def replica_app() -> IngressApp:
    """The one application of this process.

    Serve copies a deployment's class by value, globals included, so the class must find the application
    through a function that is found by name.
    """
    return _app
