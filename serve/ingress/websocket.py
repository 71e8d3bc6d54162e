"""ACP over WebSocket: one socket, one connection, any number of sessions.

Text frames hold one JSON-RPC message each; binary frames are ignored, as the remote-transport RFD asks.
Pings and half-open detection are the server's (uvicorn: every 20 s, dead after 20 s more).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from actors.protocol.identifiers import new_connection_id
from serve.ingress.client import ClientConnection
from serve.ingress.gateway import Gateway
from serve.ingress.socket import CLOSE_TRY_AGAIN_LATER, MAX_QUEUED, DirectOutlet, socket_of
from serve.ingress.views import SessionView
from serve.rights import Identity, gate
from serve.rights.credentials import chosen_protocol
from serve.rights.endings import CLOSE_CODE

log = logging.getLogger("lumilink.ingress")

CLOSE_S = 1.0


class _AsgiOutlet:
    """The way without a socket of our own: queues what is for the client, and one pump writes it.

    Sessions' shares of the queue are bounded by their windows.
    """

    def __init__(self) -> None:
        self._queue: deque[tuple[bytes, SessionView | None]] = deque()
        self._filled = asyncio.Event()
        self.overflowed = False

    def to_connection(self, message: bytes) -> None:
        """Queue a message of ours; a client that asks for more than it reads is cut off."""
        if len(self._queue) >= MAX_QUEUED:
            self.overflowed = True
        else:
            self._queue.append((message, None))
        self._filled.set()

    def to_session(self, view: SessionView, message: bytes, seq: int) -> None:
        """Queue a message of a session."""
        self._queue.append((message, view))
        self._filled.set()

    def answered(self, view: SessionView, answer: bytes) -> None:
        """Queue the answer like any other message of its session."""
        self.to_session(view, answer, 0)

    def opened(self, view: SessionView, answer: bytes) -> None:
        """Queue the answer like any other: there is one stream for all."""
        self.to_connection(answer)

    async def pump(self, send: Send) -> None:
        """Write until the socket ends or the client asks for too much without reading."""
        queue = self._queue
        while not self.overflowed:
            while queue:
                message, view = queue.popleft()
                await send({"type": "websocket.send", "text": message.decode()})
                if view is not None:
                    view.passed(len(message))
            self._filled.clear()
            if not queue:
                await self._filled.wait()
        await send({"type": "websocket.close", "code": CLOSE_TRY_AGAIN_LATER, "reason": "slow consumer"})


async def serve_websocket(
    gateway: Gateway, identity: Identity, scope: Scope, receive: Receive, send: Send
) -> None:
    """Accept a socket and serve it until either side, or its credential, ends it; its sessions live on."""
    await receive()  # websocket.connect
    connection_id = new_connection_id()
    headers = [(b"acp-connection-id", connection_id.encode())]
    protocol = chosen_protocol(HTTPConnection(scope))
    await send({"type": "websocket.accept", "subprotocol": protocol, "headers": headers})
    socket = socket_of(scope)
    outlet = _AsgiOutlet() if socket is None else DirectOutlet(socket)
    client = ClientConnection(connection_id, identity, gateway, outlet)
    loop = asyncio.get_running_loop()
    tasks = {loop.create_task(outlet.pump(send)), loop.create_task(_read(client, receive))}
    if identity.credential:
        tasks.add(loop.create_task(_close_at_end(identity, send)))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await client.close()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, OSError):
                log.debug("connection %s ended: %s", connection_id, type(result).__name__)


async def _close_at_end(identity: Identity, send: Send) -> None:
    """Close the socket once its credential has ended, whether or not the client still reads."""
    why = await gate().ended(identity)
    async with asyncio.timeout(CLOSE_S):
        await send({"type": "websocket.close", "code": CLOSE_CODE, "reason": why})


async def _read(client: ClientConnection, receive: Receive) -> None:
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return
        text = event.get("text")
        if text is not None:
            client.take(text.encode())
