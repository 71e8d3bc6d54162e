"""An ACP agent on a WebSocket, as one in a container is: its sessions outlive the connections to it.

A prompt makes it ask for a permission. If its connection breaks meanwhile, it asks again once a gateway has
resumed the session. It says which option was chosen, once.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from support.messages import Json

SESSION_ID = "container-1"
OPTIONS = [
    {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
    {"optionId": "no", "name": "No", "kind": "reject_once"},
]


class WebSocketAgent:
    """One agent with one session. While it ``refuses``, no gateway reaches it.

    ``asks_again``: whether it does so when it is back.
    """

    def __init__(self) -> None:
        self.url = ""
        self.refuses = False
        self.asks_again = True
        self.heard: list[str] = []
        self.answers: list[Json] = []
        self.connections = 0
        self._socket: ServerConnection | None = None
        self._ids = itertools.count(100)
        self._open: int | None = None

    # ------------------------------------------------------------------ what a test makes it do

    def cut(self) -> None:
        """Break the connection, as a network does."""
        assert self._socket is not None
        self._socket.transport.abort()

    def freeze(self) -> None:
        """Read nothing more on this connection, pings included."""
        assert self._socket is not None
        self._socket.transport.pause_reading()  # type: ignore[attr-defined] # a TCP transport has it

    # ------------------------------------------------------------------ the agent

    async def serve(self, socket: ServerConnection) -> None:
        """One connection."""
        self._socket = socket
        self.connections += 1
        try:
            async for text in socket:
                await self._take(socket, json.loads(text))
        except ConnectionClosed:
            pass

    async def _take(self, socket: ServerConnection, message: Json) -> None:
        method = message.get("method", "")
        self.heard.append(method)
        if not method:
            await self._answered(socket, message)
        elif method == "initialize":
            capabilities = {"sessionCapabilities": {"resume": {}}}
            await _say(socket, id=message["id"], result=_initialized(capabilities))
        elif method == "session/new":
            await _say(socket, id=message["id"], result={"sessionId": SESSION_ID})
        elif method == "session/resume":
            await _say(socket, id=message["id"], result={})
            if self._open is not None and self.asks_again:
                await self._ask(socket)
        elif method == "session/prompt":
            await self._ask(socket)

    async def _ask(self, socket: ServerConnection) -> None:
        self._open = next(self._ids)
        call = {"toolCallId": "call-1", "title": "Do it"}
        params = {"sessionId": SESSION_ID, "toolCall": call, "options": OPTIONS}
        await _say(socket, id=self._open, method="session/request_permission", params=params)

    async def _answered(self, socket: ServerConnection, message: Json) -> None:
        self.answers.append(message)
        if message["id"] == self._open:
            self._open = None
            content = {"type": "text", "text": f"chose {message['result']['outcome']['optionId']}"}
            update = {"sessionUpdate": "agent_message_chunk", "content": content}
            await _say(socket, method="session/update", params={"sessionId": SESSION_ID, "update": update})


def _initialized(capabilities: Json) -> Json:
    return {"protocolVersion": 1, "agentCapabilities": capabilities, "authMethods": []}


async def _say(socket: ServerConnection, **message: object) -> None:
    await socket.send(json.dumps({"jsonrpc": "2.0", **message}))


@asynccontextmanager
async def websocket_agent(port: int) -> AsyncIterator[WebSocketAgent]:
    """An agent that listens on a port of loopback."""
    agent = WebSocketAgent()

    async def admit(socket: ServerConnection, request: Request) -> Response | None:
        return socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "away\n") if agent.refuses else None

    async with serve(agent.serve, "127.0.0.1", port, process_request=admit, ping_interval=None) as server:
        try:
            yield agent
        finally:
            for connection in server.connections:
                connection.transport.abort()
            await asyncio.sleep(0)
