"""Opening and accepting links."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from weakref import WeakSet

from actors import errors
from actors.link.channel import DEFAULT_TIMINGS, Channel, LinkTimings
from actors.link.handler import LinkHandler

CONNECT_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class LinkAddress:
    """Where a process accepts links."""

    host: str
    port: int


class LinkServer:
    """Accepts links and hands their frames to one handler."""

    def __init__(
        self, name: str, secret: str, handler: LinkHandler, timings: LinkTimings = DEFAULT_TIMINGS
    ) -> None:
        self._name = name
        self._secret = secret
        self._handler = handler
        self._timings = timings
        self._server: asyncio.Server | None = None
        self.channels: WeakSet[Channel] = WeakSet()

    async def listen(self, host: str, port: int = 0) -> LinkAddress:
        """Start to accept; returns the address, with the port that was given by the system for 0."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, host, port)
        bound = self._server.sockets[0].getsockname()
        return LinkAddress(host, bound[1])

    def _accept(self) -> Channel:
        channel = Channel("listener", self._name, self._secret, self._handler, self._timings)
        self.channels.add(channel)
        return channel

    async def close(self) -> None:
        """Stop accepting and end every link."""
        if self._server is not None:
            self._server.close()
        for channel in list(self.channels):
            channel.close()


async def connect(
    name: str, secret: str, address: LinkAddress, handler: LinkHandler, timings: LinkTimings = DEFAULT_TIMINGS
) -> Channel:
    """Open a link. Raises LinkBrokenError if nobody answers there or the secrets differ."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_LIMIT_S):
            _, channel = await loop.create_connection(
                lambda: Channel("caller", name, secret, handler, timings), address.host, address.port
            )
    except (OSError, TimeoutError) as exc:
        raise errors.LinkBrokenError(
            f"no link to {address.host}:{address.port}: {type(exc).__name__}"
        ) from exc
    try:
        await channel.wait_ready()
    except BaseException:  # whoever stops waiting leaves a link that nobody owns
        channel.abort()
        raise
    return channel
