"""A client that lost its socket and comes back as a good client does: on another one, where it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from websockets.exceptions import WebSocketException

from support.gateway_process import GatewayProcess
from support.messages import cursors
from support.peer import RefusedError
from support.websocket_peer import WebSocketPeer, begun_peer

_PAUSE_S: Final = 0.2


@asynccontextmanager
async def come_back(
    gateway: GatewayProcess, lost: WebSocketPeer, session_id: str, within_s: float
) -> AsyncIterator[WebSocketPeer]:
    """Another socket, attached after the last event that ``lost`` saw; its ``messages`` begin with those."""
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(within_s):
            peer = await _connected(stack, gateway)
            peer.messages[:0] = [message for message in lost.messages if "method" in message]
            seen = cursors(lost.messages, session_id)
            await _attached(peer, session_id, seen[-1] if seen else 0)
        yield peer


async def _connected(stack: AsyncExitStack, gateway: GatewayProcess) -> WebSocketPeer:
    while True:
        try:
            return await stack.enter_async_context(begun_peer(gateway.acp_over_websocket))
        except (OSError, WebSocketException, RefusedError):
            await asyncio.sleep(_PAUSE_S)


async def _attached(peer: WebSocketPeer, session_id: str, after_seq: int) -> None:
    while True:
        try:
            await peer.attach(session_id, after_seq)
        except RefusedError as refused:
            if not refused.data["retryable"]:
                raise
            await asyncio.sleep(_PAUSE_S)
        else:
            return
