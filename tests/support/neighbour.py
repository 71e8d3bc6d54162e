"""A well-behaved client beside the ones that a test is about: whatever these do, its turns go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from support.gateway_process import GatewayProcess
from support.messages import numbers
from support.peer import Peer
from support.websocket_peer import begun_peer
from support.workspace import Workspace

_UPDATES: Final = 20


class Neighbour:
    """A session with one turn after the other."""

    def __init__(self, peer: Peer, session_id: str) -> None:
        self.turns = 0
        self._peer = peer
        self._session_id = session_id

    async def live(self) -> None:
        """Prompt for ever."""
        while True:
            await self.turn()

    async def turn(self) -> None:
        """One whole turn; fails if it ends wrongly or takes too long."""
        assert await self._peer.prompt(self._session_id, f"say {_UPDATES}") == "end_turn"
        self.turns += 1

    def check(self) -> None:
        """Every update of every turn must have come, once and in order."""
        heard = numbers(self._peer.messages, self._session_id)
        expected = list(range(1, _UPDATES + 1)) * self.turns
        assert heard[: len(expected)] == expected
        # The last turn may have been cut off in its midst.
        assert len(heard) - len(expected) <= _UPDATES


@asynccontextmanager
async def neighbour(gateway: GatewayProcess, workspace: Workspace) -> AsyncIterator[Neighbour]:
    """One that has had a turn, and goes on until the block ends; its life is checked then."""
    async with begun_peer(gateway.acp_over_websocket) as peer:
        living = Neighbour(peer, await peer.new_session(workspace))
        await living.turn()
        task = asyncio.create_task(living.live())
        yield living
        before = living.turns
        async with asyncio.timeout(30):
            while living.turns == before and not task.done():
                await asyncio.sleep(0.01)
        assert not task.done(), "a turn of the neighbour failed"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        living.check()
