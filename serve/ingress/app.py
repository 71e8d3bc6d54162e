"""The ASGI application behind ``/acp``."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from actors import errors
from serve.ingress import guard
from serve.ingress.gateway import Gateway
from serve.ingress.http import StreamableHttp
from serve.ingress.websocket import serve_websocket
from serve.problem import problem

INSTALLATION = "default"


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
            if why is not None:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": why})
                return
            await serve_websocket(self._gateway, INSTALLATION, scope, receive, send)
            return
        if why is not None:
            response = problem(errors.InvalidRequestError(why))
        else:
            response = await self._http.respond(scope, receive, INSTALLATION)
        await response(scope, receive, send)


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
