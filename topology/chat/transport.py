"""The ACP SDK's way to the gateway: its messages on our own socket.

The SDK's WebSocket transport needs an extra of its package, and refuses messages of over 1 MiB, which a
gateway sends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

import msgspec

from actors.agents.target import AgentTarget
from topology.connect.gateway_socket import GatewaySocket

_MAX_UNREAD: Final = 1000

# JSON-RPC messages as the SDK wants them; it defines the type, so `Any` comes from there.
Message = dict[str, Any]


class GatewayTransport:
    """An ``acp`` transport. ``lost`` is set when the socket has ended, from whichever side."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self._socket = GatewaySocket(self)
        self._frames: deque[bytes] = deque()
        self._arrived = asyncio.Event()

    async def open(self, target: AgentTarget, connect_timeout_s: float) -> None:
        """Dial. Raises AgentUnreachableError."""
        await self._socket.open(target, connect_timeout_s)

    # -- called by the SDK ---------------------------------------------------------------------------

    async def send(self, message: Message) -> None:
        """Send one message; ConnectionError if the socket has ended."""
        if self.lost.is_set():
            raise ConnectionError("the connection to the gateway has ended")
        self._socket.send(msgspec.json.encode(message))
        if self._socket.has_ended:
            self.gateway_lost("")

    async def receive(self) -> Message | None:
        """The next message; ``None`` when the socket has ended and all was read."""
        while not self._frames:
            if self.lost.is_set():
                return None
            self._arrived.clear()
            await self._arrived.wait()
        frame = self._frames.popleft()
        if not self._frames:
            self._socket.resume()
        return msgspec.json.decode(frame, type=Message)

    async def close(self) -> None:
        """End the socket."""
        await self._socket.close()

    # -- SocketOwner ---------------------------------------------------------------------------------

    def gateway_frame(self, frame: bytes) -> None:
        """Keep a message until the SDK reads it; a thousand unread ones stop the socket."""
        self._frames.append(frame)
        self._arrived.set()
        if len(self._frames) >= _MAX_UNREAD:
            self._socket.pause()

    def gateway_lost(self, why: str) -> None:
        """Nothing more comes."""
        self.lost.set()
        self._arrived.set()
