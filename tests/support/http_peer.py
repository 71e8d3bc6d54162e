"""A client of ACP's streamable HTTP that can also misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

import httpx

from support.messages import Json, initialize, request
from support.peer import DEADLINE_S, Peer

CONNECTION_ID: Final = "Acp-Connection-Id"
SESSION_ID: Final = "Acp-Session-Id"
LAST_EVENT_ID: Final = "Last-Event-ID"
ON_SESSION: Final = frozenset(
    {"session/prompt", "session/cancel", "session/close", "session/set_mode", "session/set_config_option"}
)


class UnexpectedStatusError(Exception):
    """A request was not taken; the text is what the gateway said instead."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"{answer.request.method}: {answer.status_code} {answer.text}")


class HttpPeer(Peer):
    """One connection: POSTs, and streams that are open for as long as it is.

    ``heard`` is what came on each stream, ``last_ids`` the newest id on it; None names the connection's.
    """

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        super().__init__()
        self.url = url
        self.client = client
        self.connection_id = ""
        self.heard: dict[str | None, list[Json]] = {}
        self.last_ids: dict[str | None, str] = {}
        self.keepalives = 0
        self._streams: dict[str | None, asyncio.Task[None]] = {}

    @property
    def home(self) -> str:
        """The replica that holds the connection."""
        return self.connection_id.rpartition(".")[2]

    async def begin(self, **client_capabilities: object) -> Json:
        """``initialize``; opens the connection's stream."""
        result = await self.begin_unread(**client_capabilities)
        await self.open_stream()
        return result

    async def begin_unread(self, **client_capabilities: object) -> Json:
        """``initialize``, answered within its POST; leaves the connection's stream alone."""
        answer = await self.post(request(0, "initialize", initialize(**client_capabilities)))
        if answer.status_code != 200:
            raise UnexpectedStatusError(answer)
        self.connection_id = answer.headers[CONNECTION_ID]
        result: Json = answer.json()["result"]
        return result

    async def new_session(self, cwd: object) -> str:
        """``session/new``; opens the session's stream."""
        session_id = await self.new_unread_session(cwd)
        await self.open_stream(session_id)
        return session_id

    async def new_unread_session(self, cwd: object) -> str:
        """``session/new``; leaves the session's stream alone."""
        return await super().new_session(cwd)

    async def send(self, message: Json) -> None:
        """POST a message with the headers that it needs; it must be taken."""
        named = (message.get("params") or {}).get("sessionId")
        answer = await self.post(message, named if message.get("method") in ON_SESSION else None)
        if answer.status_code != 202:
            raise UnexpectedStatusError(answer)

    async def post(self, message: object, session_id: str | None = None) -> httpx.Response:
        """POST anything."""
        return await self.client.post(self.url, json=message, headers=self.headers(session_id))

    async def delete(self) -> httpx.Response:
        """End the connection."""
        return await self.client.delete(self.url, headers=self.headers())

    def headers(self, session_id: str | None = None) -> dict[str, str]:
        """The headers that name the connection, and the session if one is given."""
        named = {CONNECTION_ID: self.connection_id, SESSION_ID: session_id}
        return {name: value for name, value in named.items() if value}

    # ------------------------------------------------------------------ streams

    async def open_stream(self, session_id: str | None = None, after: str | None = None) -> None:
        """Read a stream, the connection's or a session's, until the peer is closed.

        ``after`` is the id of the event after which it is to go on.
        """
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._streams[session_id] = asyncio.create_task(self._read(session_id, opened, after))
        async with asyncio.timeout(DEADLINE_S):
            await opened

    def drop_stream(self, session_id: str | None = None) -> None:
        """Stop reading a stream, as a client that lost its network does."""
        self._streams[session_id].cancel()

    def stream(self, session_id: str | None = None) -> asyncio.Task[None]:
        """The reading of a stream; it is done when the gateway has ended the stream."""
        return self._streams[session_id]

    async def stream_ended(self, session_id: str | None = None) -> None:
        """Wait until the gateway has ended a stream."""
        async with asyncio.timeout(DEADLINE_S):
            await self._streams[session_id]

    async def close(self) -> None:
        """Stop reading."""
        for task in self._streams.values():
            task.cancel()
        await asyncio.gather(*self._streams.values(), return_exceptions=True)

    async def _read(self, session_id: str | None, opened: asyncio.Future[None], after: str | None) -> None:
        headers = {**self.headers(session_id), "Accept": "text/event-stream"}
        if after is not None:
            headers[LAST_EVENT_ID] = after
        async with self.client.stream("GET", self.url, headers=headers) as answer:
            if answer.status_code != 200:
                await answer.aread()
                opened.set_exception(UnexpectedStatusError(answer))
                return
            opened.set_result(None)
            # A stream whose replica is killed ends in the middle.
            with suppress(httpx.RemoteProtocolError):
                await self._read_events(session_id, answer)

    async def _read_events(self, session_id: str | None, answer: httpx.Response) -> None:
        last_id = ""
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                message = json.loads(line.removeprefix("data:"))
                self.heard.setdefault(session_id, []).append(message)
                # Noted with its event: an id whose event did not arrive is none.
                if last_id:
                    self.last_ids[session_id] = last_id
                await self.keep(message)
            elif line.startswith("id:"):
                last_id = line.removeprefix("id:").strip()
            elif line.startswith(":"):
                self.keepalives += 1


@asynccontextmanager
async def http_peer(
    url: str, *, http2: bool = False, fresh_connections: bool = False
) -> AsyncIterator[HttpPeer]:
    """A peer; with ``fresh_connections`` each of its requests opens a TCP connection of its own."""
    limits = httpx.Limits(max_keepalive_connections=0) if fresh_connections else httpx.Limits()
    timeout = httpx.Timeout(DEADLINE_S, read=None)
    async with httpx.AsyncClient(http1=not http2, http2=http2, limits=limits, timeout=timeout) as client:
        peer = HttpPeer(url, client)
        try:
            yield peer
        finally:
            await peer.close()


@asynccontextmanager
async def begun_http_peer(url: str, *, fresh_connections: bool = False) -> AsyncIterator[HttpPeer]:
    """A peer with ``initialize`` behind it."""
    async with http_peer(url, fresh_connections=fresh_connections) as peer:
        await peer.begin()
        yield peer


async def replicas_reached(url: str) -> set[str]:
    """The replicas that hold the connections of eight clients which come now and stay a while."""
    async with AsyncExitStack() as stack:
        peers = [
            await stack.enter_async_context(begun_http_peer(url, fresh_connections=True)) for _ in range(8)
        ]
        homes = {peer.home for peer in peers}
        for peer in peers:
            await peer.delete()
    return homes
