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
from actors.protocol.identifiers import new_connection_id, new_session_id
from serve.ingress.client import ClientConnection
from serve.ingress.event_stream import EventReader, event_response
from serve.ingress.gateway import Gateway
from serve.ingress.opening import METHODS as OPENING_METHODS
from serve.ingress.peers import AcpRequest, Answer, Peers
from serve.ingress.resume_tokens import Position
from serve.ingress.streams import Sign, StreamOutlet
from serve.problem import problem
from serve.rights import Identity, while_valid

log = logging.getLogger("lumilink.ingress")

METHODS = ("GET", "POST", "DELETE")
MAX_CONNECTIONS = 10_000
MAX_STREAMS = 4096
SWEEP_INTERVAL_S = 15.0
SESSION_PREFIX = "sess_"
SESSION_ID_LENGTH = len(new_session_id())


class HttpConnection:
    """A client connection together with its streams; lives until DELETE, or until nobody uses it."""

    def __init__(self, connection_id: str, identity: Identity, gateway: Gateway) -> None:

        def signer(session_id: str) -> Sign:
            return gateway.tokens.stream(identity.installation, session_id).at

        self.outlet = StreamOutlet(signer, gateway.links.rewind)
        self.client = ClientConnection(connection_id, identity, gateway, self.outlet)
        self.used_at = asyncio.get_running_loop().time()

    def use(self) -> None:
        """A request came."""
        self.used_at = asyncio.get_running_loop().time()

    def idle_s(self, now: float) -> float:
        """How long no request came and no stream was open."""
        if self.outlet.has_readers():
            self.used_at = now
        return now - self.used_at


class StreamableHttp:
    """The HTTP side of ``/acp`` on one replica. Holds the connections that were initialized here."""

    def __init__(self, gateway: Gateway, peers: Peers) -> None:
        self._gateway = gateway
        self._peers = peers
        self._connections: dict[str, HttpConnection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    async def respond(self, scope: Scope, receive: Receive, identity: Identity) -> Response:
        """Answer one HTTP request; every failure is a problem+json with a code."""
        http = Request(scope, receive)
        if http.method not in METHODS:
            return Response(status_code=405, headers={"Allow": ", ".join(METHODS)})
        try:
            request = AcpRequest(
                method=http.method,
                identity=identity,
                connection_id=http.headers.get("acp-connection-id"),
                session_id=http.headers.get("acp-session-id"),
                content_type=http.headers.get("content-type", ""),
                accept=http.headers.get("accept", ""),
                last_event_id=http.headers.get("last-event-id"),
                body=await self._body(http) if http.method == "POST" else b"",
            )
            return await self._respond(request)
        except errors.LumiLinkError as error:
            return problem(error)

    async def _respond(self, request: AcpRequest) -> Response:
        home = await self._peers.home_of(request.connection_id) if request.connection_id else None
        if request.method == "GET":
            if home is not None:
                chunks = await self._peers.relay(home, request)
            else:
                chunks = (await self.stream(request)).events(self._gateway.settings.sse_keepalive_s)
            return event_response(while_valid(request.identity, chunks))
        found = await (self._peers.forward(home, request) if home else self.answer(request))
        media_type = "application/json" if found.body else None
        return Response(found.body, found.status, dict(found.headers), media_type)

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

    # ------------------------------------------------------------------ HomeHttp

    async def answer(self, request: AcpRequest) -> Answer:
        """Serve a POST or DELETE of a connection that is held here."""
        if request.method == "POST":
            return await self._post(request)
        await self._close(self._connection(request).client.connection_id)
        return Answer(202)

    async def stream(self, request: AcpRequest) -> EventReader:
        """The stream that a GET asks for: the connection's, or a session's after the event that it names."""
        if not any(wanted in request.accept for wanted in ("text/event-stream", "text/*", "*/*")):
            raise errors.NotAcceptableError(
                f"Accept is {request.accept or 'missing'}, expected text/event-stream"
            )
        connection = self._connection(request)
        connection.use()
        if request.session_id is None:
            return connection.outlet.connection.read()
        view = connection.client.views.get(request.session_id)
        if view is None:
            _check_awaited(connection, request.session_id)
        position = self._last_position(request) if request.last_event_id else None
        stream = connection.outlet.session(request.session_id)
        if position is not None:
            stream.go_on_after(position, view)
        return stream.read()

    def _last_position(self, request: AcpRequest) -> Position:
        point = self._gateway.tokens.read(request.last_event_id or "", request.identity.installation)
        if point.session_id != request.session_id:
            raise errors.InvalidRequestError("Last-Event-ID and Acp-Session-Id name different sessions")
        return point.position

    async def _post(self, request: AcpRequest) -> Answer:
        media_type = request.content_type.partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise errors.MediaTypeError(
                f"Content-Type is {media_type or 'missing'}, expected application/json"
            )
        message = parse(request.body, max_bytes=self._gateway.settings.max_frame_bytes)
        if message.method == "initialize" and request.connection_id is None:
            return await self._initialize(message, request.identity)
        connection = self._connection(request)
        _check_session(connection, message, request.session_id)
        connection.use()
        if message.method == "session/load" and message.session_id is not None:
            connection.outlet.shows_all_of(message.session_id)
        if message.method == "session/new" and message.kind is MessageKind.REQUEST:
            await connection.client.take_new(message)
        else:
            connection.client.take(message.frame)
        return Answer(202)

    async def _initialize(self, message: Envelope, identity: Identity) -> Answer:
        if message.kind is not MessageKind.REQUEST:
            raise errors.InvalidRequestError("initialize without an id: expected a request")
        if len(self._connections) >= MAX_CONNECTIONS:
            raise errors.CapacityError(f"this replica holds {MAX_CONNECTIONS} connections", 5.0)
        connection_id = f"{new_connection_id()}.{self._peers.replica_id}"
        connection = HttpConnection(connection_id, identity, self._gateway)
        self._connections[connection_id] = connection
        try:
            body = await connection.outlet.answer_to(lambda: connection.client.take(message.frame))
        except BaseException:
            await self._close(connection_id)
            raise
        if not connection.client.initialize:
            await self._close(connection_id)
            return Answer(400, body)
        cookie = f"lumilink-replica={self._peers.replica_id}; Path=/acp; HttpOnly; SameSite=Strict"
        return Answer(200, body, (("Acp-Connection-Id", connection_id), ("Set-Cookie", cookie)))

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

    def _connection(self, request: AcpRequest) -> HttpConnection:
        if request.connection_id is None:
            raise errors.InvalidRequestError("the header Acp-Connection-Id is missing")
        connection = self._connections.get(request.connection_id)
        if connection is None or not connection.client.identity.is_same_caller(request.identity):
            raise errors.ConnectionUnknownError("Acp-Connection-Id: no such connection")
        return connection

    async def _close(self, connection_id: str) -> None:
        connection = self._connections.pop(connection_id, None)
        if connection is not None:
            connection.outlet.close()
            await connection.client.close()


def _check_awaited(connection: HttpConnection, session_id: str) -> None:
    """A client that comes back opens the stream first and loads the session then.

    Whether there is such a session shows only then: it may be in the journal alone.
    """
    if not (session_id.startswith(SESSION_PREFIX) and len(session_id) == SESSION_ID_LENGTH):
        raise errors.SessionNotFoundError("Acp-Session-Id: no session has such an id")
    if connection.outlet.session_count >= MAX_STREAMS:
        raise errors.MailboxFullError(f"this connection has {MAX_STREAMS} streams of sessions", 5.0)


def _check_session(connection: HttpConnection, message: Envelope, named: str | None) -> None:
    row = methods.lookup(message.method) if message.method is not None else None
    if named is None:
        if row is not None and row.needs_session_header:
            raise errors.InvalidRequestError(f"{message.method} needs the header Acp-Session-Id")
        return
    if message.method not in OPENING_METHODS and named not in connection.client.views:
        raise errors.SessionNotFoundError("Acp-Session-Id: this connection has no such session")
    if message.session_id is not None and message.session_id != named:
        raise errors.InvalidRequestError("Acp-Session-Id and params.sessionId name different sessions")
