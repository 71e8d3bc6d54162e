"""An agent's HTTP side as a test scripts it: it records what comes and says what it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


@dataclass
class Seen:
    """One request that the peer got."""

    verb: str
    connection_id: str | None
    session_id: str | None
    cookie: str | None
    authorization: str | None
    query: str
    body: bytes = b""


@dataclass
class HttpPeer:
    """``echo`` sends every POST back on the connection's stream; ``refuse`` maps methods to statuses."""

    echo: bool = False
    refuse: dict[str, int] = field(default_factory=dict)
    refuse_streams: dict[str, int] = field(default_factory=dict)
    session_streams_wait: asyncio.Event | None = None
    seen: list[Seen] = field(default_factory=list)
    streams: dict[str, asyncio.Queue[bytes | None]] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/acp", self._endpoint, methods=["POST", "GET", "DELETE"])])

    def stream(self, session_id: str = "") -> asyncio.Queue[bytes | None]:
        return self.streams.setdefault(session_id, asyncio.Queue())

    def say(self, message: object, session_id: str = "") -> None:
        self.say_raw(b"data: " + json.dumps(message).encode() + b"\n\n", session_id)

    def say_raw(self, wire: bytes, session_id: str = "") -> None:
        self.stream(session_id).put_nowait(wire)

    def end(self, session_id: str = "") -> None:
        self.stream(session_id).put_nowait(None)

    async def until_seen(self, verb: str, count: int = 1, text: bytes = b"") -> Seen:
        async with asyncio.timeout(10):
            while True:
                found = [seen for seen in self.seen if seen.verb == verb and text in seen.body]
                if len(found) >= count:
                    return found[count - 1]
                self.arrived.clear()
                await self.arrived.wait()

    async def _endpoint(self, request: Request) -> Response:
        headers = request.headers
        seen = Seen(
            request.method,
            headers.get("acp-connection-id"),
            headers.get("acp-session-id"),
            headers.get("cookie"),
            headers.get("authorization"),
            request.url.query,
            await request.body(),
        )
        self.seen.append(seen)
        self.arrived.set()
        if request.method == "POST":
            return self._post(seen)
        if request.method == "DELETE":
            return Response(status_code=202)
        session_id = seen.session_id or ""
        if session_id and self.session_streams_wait is not None:
            await self.session_streams_wait.wait()
        if session_id in self.refuse_streams:
            return Response(status_code=self.refuse_streams[session_id])
        return StreamingResponse(self._events(session_id), media_type="text/event-stream")

    def _post(self, seen: Seen) -> Response:
        message = json.loads(seen.body)
        method = message.get("method", "")
        if method in self.refuse:
            return Response(b"c4n4ry", status_code=self.refuse[method])
        if method == "initialize":
            answer = {"jsonrpc": "2.0", "id": message["id"], "result": {"protocolVersion": 1}}
            headers = {"Acp-Connection-Id": "conn-1", "Set-Cookie": "affinity=node-7; Path=/"}
            return Response(json.dumps(answer), headers=headers, media_type="application/json")
        if self.echo:
            lines = b"".join(b"data: " + line + b"\n" for line in seen.body.split(b"\n"))
            self.say_raw(lines + b"\n")
        return Response(status_code=202)

    async def _events(self, session_id: str) -> AsyncIterator[bytes]:
        queue = self.stream(session_id)
        while (wire := await queue.get()) is not None:
            yield wire
