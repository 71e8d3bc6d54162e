"""A WebSocket client that can also misbehave."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from support.messages import Json
from support.peer import DEADLINE_S, Peer

_STALLED_BYTES: Final = 16 * 1024


class WebSocketPeer(Peer):
    """One socket. It reads all the time, unless it is told to pause; ``raw`` is what it read, undecoded."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__()
        self.socket = socket
        self.raw: list[str] = []
        self.ended = asyncio.Event()
        self._reads = asyncio.Event()
        self._reads.set()

    async def send(self, message: Json) -> None:
        await self.socket.send(json.dumps(message))

    async def send_text(self, text: str) -> None:
        """Send a text frame as it is."""
        await self.socket.send(text)

    async def send_bytes_as_text(self, payload: bytes) -> None:
        """Send a text frame that need not be UTF-8."""
        async with self.socket.send_context():
            self.socket.protocol.send_text(payload)

    async def send_binary(self, payload: bytes) -> None:
        """Send a binary frame."""
        await self.socket.send(payload)

    def pause_reading(self) -> None:
        """Take nothing more from the socket, so that what comes backs up to whoever sends it."""
        self._reads.clear()

    def resume_reading(self) -> None:
        """Read on."""
        self._reads.set()

    async def close_code(self, within_s: float = DEADLINE_S) -> int | None:
        """Wait until the socket is closed; the code that the gateway gave."""
        async with asyncio.timeout(within_s):
            await self.ended.wait()
        return self.socket.close_code

    async def read(self) -> None:
        """Keep what arrives until the socket ends."""
        try:
            while True:
                await self._reads.wait()
                text = await self.socket.recv(decode=True)
                self.raw.append(text)
                await self.keep(json.loads(text))
        except ConnectionClosed:
            self.ended.set()


@asynccontextmanager
async def websocket_peer(
    url: str, headers: Mapping[str, str] | None = None, sock: socket.socket | None = None
) -> AsyncIterator[WebSocketPeer]:
    """An open socket, made of ``sock`` if that is given; ``begin`` is left to the caller."""
    # No pings: who pauses reading would not see the pongs.
    async with connect(
        url,
        additional_headers=headers,
        max_size=None,
        ping_interval=None,
        open_timeout=DEADLINE_S,
        sock=sock,
    ) as connection:
        peer = WebSocketPeer(connection)
        reader = asyncio.create_task(peer.read())
        try:
            yield peer
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            # The rest of a flood need not be read to the end.
            connection.transport.abort()


@asynccontextmanager
async def stalled_peer(url: str, session_id: str) -> AsyncIterator[WebSocketPeer]:
    """A client that attaches to a session and then reads no more; few messages fit on the way to it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _STALLED_BYTES)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, (parts.hostname, parts.port))
    async with websocket_peer(url, sock=raw) as peer:
        await peer.begin()
        await peer.resume(session_id)
        peer.pause_reading()
        yield peer


@asynccontextmanager
async def begun_peer(url: str, **client_capabilities: object) -> AsyncIterator[WebSocketPeer]:
    """An open socket with ``initialize`` behind it."""
    async with websocket_peer(url) as peer:
        await peer.begin(**client_capabilities)
        yield peer
