"""A client of ``/ws`` that keeps all it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from support.gateway_process import GatewayProcess
from support.messages import Json

DEADLINE_S = 30.0


class LiveWatcher:
    """``messages`` are all that came, ``cursor`` is that of the last that has one."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.messages: list[Json] = []
        self._arrived = asyncio.Condition()

    @property
    def cursor(self) -> str | None:
        """Where it would go on."""
        return next((one["cursor"] for one in reversed(self.messages) if "cursor" in one), None)

    def data_of(self, event: str) -> list[Json]:
        """The data of all messages of one name."""
        return [one["data"] for one in self.messages if one["event"] == event]

    async def first(self, wanted: Callable[[Json], bool], within_s: float = DEADLINE_S) -> Json:
        """The first message, of all that came or will come, that is wanted."""
        async with asyncio.timeout(within_s), self._arrived:
            while (found := next(filter(wanted, self.messages), None)) is None:
                await self._arrived.wait()
            return found

    async def event(self, name: str, within_s: float = DEADLINE_S) -> Json:
        """The first message of a name."""
        return await self.first(lambda message: message["event"] == name, within_s)

    async def read(self) -> None:
        """Keep what arrives until the socket ends."""
        try:
            async for text in self.socket:
                async with self._arrived:
                    self.messages.append(json.loads(text))
                    self._arrived.notify_all()
        except ConnectionClosed:
            return


@asynccontextmanager
async def live_watcher(gateway: GatewayProcess, query: str = "") -> AsyncIterator[LiveWatcher]:
    """A client that watches."""
    async with connect(f"ws://{gateway.host}/ws{query}", open_timeout=DEADLINE_S) as socket:
        watcher = LiveWatcher(socket)
        reading = asyncio.create_task(watcher.read())
        try:
            yield watcher
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
