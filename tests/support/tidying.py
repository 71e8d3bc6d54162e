"""Leaving a shared gateway as it was found: no sessions, and so no agents."""

from __future__ import annotations

import asyncio
from typing import Final

from support.gateway_process import GatewayProcess
from support.peer import RefusedError
from support.waiting import becomes_true
from support.websocket_peer import WebSocketPeer, begun_peer

AGENTS_LEAVE_S: Final = 30.0
ENDED_BY_ITSELF: Final = ("session-not-found", "session-closed")


async def leave_tidy(gateway: GatewayProcess) -> None:
    """Close every session; fails if an agent's process outlives its session."""
    async with begun_peer(gateway.acp_over_websocket) as peer:
        for session_id in await sessions_of(peer):
            await _close(peer, session_id)
    gone = await becomes_true(lambda: not gateway.agents(), AGENTS_LEAVE_S)
    assert gone, f"agents without a session: {gateway.agents()}; {gateway.last_words()}"


async def sessions_of(peer: WebSocketPeer) -> list[str]:
    """The ids of all sessions, over all pages."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await peer.ask("session/list", cursor)
        found += [row["sessionId"] for row in page["sessions"]]
        if "nextCursor" not in page:
            return found
        cursor = {"cursor": page["nextCursor"]}


async def _close(peer: WebSocketPeer, session_id: str) -> None:
    try:
        await peer.ask("session/resume", {"sessionId": session_id, "cwd": "/", "mcpServers": []})
        await peer.close_session(session_id)
    except RefusedError as refused:
        if refused.data["code"] not in ENDED_BY_ITSELF:
            raise


async def session_count(gateway: GatewayProcess) -> int:
    """How many sessions all workers hold, reserved places included."""
    workers = (await gateway.topology())["workers"]
    return sum(int(str(worker["sessions"])) + int(str(worker["reserved"])) for worker in workers)


async def settles_at(gateway: GatewayProcess, count: int, within_s: float = 30.0) -> bool:
    """Whether the workers come to hold ``count`` sessions."""

    async def holds() -> bool:
        return await session_count(gateway) == count

    async with asyncio.timeout(within_s * 2):
        return await becomes_true(holds, within_s)
