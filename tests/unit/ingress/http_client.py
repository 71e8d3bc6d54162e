"""An HTTP client of a replica without sockets, and what it reads."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import cast

from replica_world import SESSION, Json, World, settle

from serve.ingress.http import StreamableHttp
from serve.ingress.peers import AcpRequest, Peers
from serve.rights.identity import EVERYBODY

KEEPALIVE_S = 0.02


def events_of(chunk: bytes) -> list[tuple[str | None, str]]:
    """The id, if there is one, and the data of each event; keep-alives are left out."""
    found = []
    for event in chunk.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in event.split("\n") if line and line[0] != ":")
        if fields:
            found.append((fields.get("id"), fields["data"]))
    return found


class _NoPeers:
    """A replica that is alone."""

    replica_id = "replica-1"

    async def home_of(self, connection_id: str) -> str | None:
        return None


class Get:
    """One GET. ``heard`` is the data of what came on it, ``last_id`` the newest id on it."""

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        self._events = events
        self.heard: list[str] = []
        self.last_id: str | None = None

    async def reads(self) -> list[str]:
        """All that waits, until there is nothing for a moment; returns all that was heard so far."""
        async for chunk in self._events:
            found = events_of(chunk)
            if not found:
                break
            for last_id, data in found:
                self.last_id = last_id or self.last_id
                self.heard.append(data)
        return self.heard


class HttpClient:
    """One connection of streamable HTTP."""

    def __init__(self, world: World, http: StreamableHttp | None = None, tenant: str = "default") -> None:
        self.world = world
        self.http = http or StreamableHttp(world.gateway, cast("Peers", _NoPeers()))
        self.tenant = tenant
        self.connection_id = ""

    async def begins(self) -> "HttpClient":
        params = {"protocolVersion": 1, "clientCapabilities": {}}
        message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        answer = await self.http.answer(self._request("POST", body=json.dumps(message).encode()))
        assert answer.status == 200
        self.connection_id = dict(answer.headers)["Acp-Connection-Id"]
        return self

    async def post(self, number: object, method: str, session_id: str = SESSION, **params: object) -> None:
        message = {"jsonrpc": "2.0", "id": number, "method": method}
        named = {} if "resumeToken" in params else {"sessionId": session_id}
        message["params"] = {**named, **params}
        opens = "attach" in method or method in ("session/load", "session/resume", "session/new")
        header = None if opens else session_id
        answer = await self.http.answer(
            self._request("POST", session_id=header, body=json.dumps(message).encode())
        )
        assert answer.status == 202
        await settle()

    async def get(self, session_id: str | None = SESSION, last_id: str | None = None) -> Get:
        request = self._request("GET", session_id=session_id, last_event_id=last_id)
        reader = await self.http.stream(request)
        return Get(reader.events(KEEPALIVE_S))

    async def delete(self) -> None:
        await self.http.answer(self._request("DELETE"))

    async def answers(self) -> list[Json]:
        """What is said on the connection itself."""
        return [json.loads(data) for data in await (await self.get(None)).reads()]

    def _request(
        self,
        method: str,
        session_id: str | None = None,
        last_event_id: str | None = None,
        body: bytes = b"",
    ) -> AcpRequest:
        return AcpRequest(
            method=method,
            identity=replace(EVERYBODY, installation=self.tenant),
            connection_id=self.connection_id or None,
            session_id=session_id,
            content_type="application/json",
            accept="text/event-stream",
            last_event_id=last_event_id,
            body=body,
        )


def token(world: World, seq: int, session_id: str = SESSION, tenant: str = "default") -> str:
    """The resume token for an event."""
    return world.gateway.tokens.issue(tenant, session_id, seq)
