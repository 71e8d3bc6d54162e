"""ACP over streamable HTTP: POST in, server-sent events out.

Source: the RFD "Streamable HTTP & WebSocket Transport" (agentclientprotocol.com/rfds). ``initialize``
answers 200 with JSON and an ``Acp-Connection-Id``; every other POST answers 202 at once, and what it
leads to comes on a GET stream: the connection's own, or the session's.
"""

from __future__ import annotations

import asyncio
import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope

from actors import errors
from actors.protocol import methods
from actors.protocol.envelope import Envelope, MessageKind, parse
from actors.protocol.identifiers import new_connection_id
from serve.ingress.client import ClientConnection
from serve.ingress.gateway import Gateway
from serve.ingress.opening import METHODS as OPENING_METHODS
from serve.ingress.streams import EventStream, StreamOutlet, event_response
from serve.problem import problem

log = logging.getLogger("lumilink.ingress")

CONNECTION_HEADER = "acp-connection-id"
SESSION_HEADER = "acp-session-id"
MAX_CONNECTIONS = 10_000
SWEEP_INTERVAL_S = 15.0


class HttpConnection:
    """A client connection together with its streams; lives until DELETE, or until nobody uses it."""

    def __init__(self, connection_id: str, installation: str, gateway: Gateway) -> None:
        self.outlet = StreamOutlet()
        self.client = ClientConnection(connection_id, installation, gateway, self.outlet)
        self.used_at = asyncio.get_running_loop().time()

    def idle_s(self, now: float) -> float:
        """How long no request came and no stream was open."""
        if self.outlet.has_readers():
            self.used_at = now
        return now - self.used_at


class StreamableHttp:
    """The HTTP side of ``/acp`` on one replica."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._connections: dict[str, HttpConnection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    async def respond(self, scope: Scope, receive: Receive, installation: str) -> Response:
        """Answer one request; every failure is a problem+json with a code."""
        request = Request(scope, receive)
        try:
            match request.method:
                case "POST":
                    return await self._post(request, installation)
                case "GET":
                    return await self._get(request, installation)
                case "DELETE":
                    return await self._delete(request, installation)
            return Response(status_code=405, headers={"Allow": "GET, POST, DELETE"})
        except errors.LumiLinkError as error:
            return problem(error)

    async def sweep(self) -> None:
        """Close, for ever and a while apart, what no client has used for ``connection_idle_s``."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            now = asyncio.get_running_loop().time()
            limit_s = self._gateway.settings.connection_idle_s
            for connection_id, connection in list(self._connections.items()):
                if connection.idle_s(now) > limit_s:
                    log.info("connection %s was not used for %g s: closed", connection_id, limit_s)
                    await self._close(connection_id)

    # ------------------------------------------------------------------ POST

    async def _post(self, request: Request, installation: str) -> Response:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise errors.MediaTypeError(
                f"Content-Type is {media_type or 'missing'}, expected application/json"
            )
        message = parse(await self._body(request), max_bytes=self._gateway.settings.max_frame_bytes)
        if message.method == "initialize" and CONNECTION_HEADER not in request.headers:
            return await self._initialize(message, installation)
        connection = self._connection(request, installation)
        self._check_session(connection, message, request)
        connection.used_at = asyncio.get_running_loop().time()
        connection.client.take(message.frame)
        return Response(status_code=202)

    async def _initialize(self, message: Envelope, installation: str) -> Response:
        if message.kind is not MessageKind.REQUEST:
            raise errors.InvalidRequestError("initialize without an id: expected a request")
        if len(self._connections) >= MAX_CONNECTIONS:
            raise errors.CapacityError(f"this replica holds {MAX_CONNECTIONS} connections", 5.0)
        connection_id = new_connection_id()
        connection = HttpConnection(connection_id, installation, self._gateway)
        self._connections[connection_id] = connection
        try:
            answer = await connection.outlet.answer_to(lambda: connection.client.take(message.frame))
        except BaseException:
            await self._close(connection_id)
            raise
        if not connection.client.initialize:
            await self._close(connection_id)
            return Response(answer, 400, media_type="application/json")
        headers = {"Acp-Connection-Id": connection_id}
        return Response(answer, 200, headers, media_type="application/json")

    async def _body(self, request: Request) -> bytes:
        limit = self._gateway.settings.max_frame_bytes
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise errors.FrameTooLargeError(f"the body has more than {limit} bytes")
            chunks.append(chunk)
        return b"".join(chunks)

    def _check_session(self, connection: HttpConnection, message: Envelope, request: Request) -> None:
        named = request.headers.get(SESSION_HEADER)
        row = methods.lookup(message.method) if message.method is not None else None
        if named is None:
            if row is not None and row.needs_session_header:
                raise errors.InvalidRequestError(f"{message.method} needs the header Acp-Session-Id")
            return
        if message.method not in OPENING_METHODS and named not in connection.client.views:
            raise errors.SessionNotFoundError("Acp-Session-Id: this connection has no such session")
        if message.session_id is not None and message.session_id != named:
            raise errors.InvalidRequestError("Acp-Session-Id and params.sessionId name different sessions")

    # ------------------------------------------------------------------ GET, DELETE

    async def _get(self, request: Request, installation: str) -> Response:
        accepted = request.headers.get("accept", "")
        if "text/event-stream" not in accepted and "*/*" not in accepted and "text/*" not in accepted:
            raise errors.NotAcceptableError(f"Accept is {accepted or 'missing'}, expected text/event-stream")
        connection = self._connection(request, installation)
        stream = await self._stream(connection, request.headers.get(SESSION_HEADER))
        connection.used_at = asyncio.get_running_loop().time()
        return event_response(stream, self._gateway.settings.sse_keepalive_s)

    async def _stream(self, connection: HttpConnection, session_id: str | None) -> EventStream:
        if session_id is None:
            return connection.outlet.connection
        if session_id not in connection.client.views:
            # A client that comes back opens the stream first and loads the session then.
            await self._gateway.capacity.locate(session_id)
        return connection.outlet.session(session_id)

    async def _delete(self, request: Request, installation: str) -> Response:
        connection = self._connection(request, installation)
        await self._close(connection.client.connection_id)
        return Response(status_code=202)

    def _connection(self, request: Request, installation: str) -> HttpConnection:
        connection_id = request.headers.get(CONNECTION_HEADER)
        if connection_id is None:
            raise errors.InvalidRequestError("the header Acp-Connection-Id is missing")
        connection = self._connections.get(connection_id)
        if connection is None or connection.client.installation != installation:
            raise errors.ConnectionUnknownError("Acp-Connection-Id: no such connection")
        return connection

    async def _close(self, connection_id: str) -> None:
        connection = self._connections.pop(connection_id, None)
        if connection is not None:
            connection.outlet.close()
            await connection.client.close()
