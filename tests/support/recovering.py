"""What clients do, and what must hold, while something of the gateway fails and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import psutil

from support.gateway_process import GatewayProcess
from support.messages import cursors, said
from support.peer import Peer, RefusedError
from support.websocket_peer import begun_peer

RECOVERY_S: Final = 30.0
"""How long clients wait until all is as before."""


async def outcome(peer: Peer, turn: int, within_s: float = RECOVERY_S) -> str:
    """How a turn ended: its stop reason, or the code of its error, which must be retryable."""
    try:
        found: str = (await peer.result_of(turn, within_s))["stopReason"]
    except RefusedError as refused:
        if not refused.data["retryable"]:
            raise
        return str(refused.data["code"])
    return found


async def repeated(peer: Peer, session_id: str, script: str, within_s: float = RECOVERY_S) -> None:
    """A prompt that is sent until it has run, as a good client does; raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while True:
            turn = await peer.start_prompt(session_id, script, f"once: {script}")
            if await outcome(peer, turn, within_s) == "end_turn":
                return


async def check_seen_alike(gateway: GatewayProcess, session_id: str, *peers: Peer) -> None:
    """Each has seen all that the agent said, once and in order: what a client is shown that comes now."""
    async with begun_peer(gateway.acp_over_websocket) as fresh:
        await fresh.load(session_id)
        for peer in peers:
            assert said(peer.messages, session_id) == said(fresh.messages, session_id)
            seqs = cursors(peer.messages, session_id)
            assert seqs == sorted(set(seqs))


def is_gone(processes: Iterable[psutil.Process]) -> bool:
    """Whether none of them runs, or is stopped, any more."""
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
