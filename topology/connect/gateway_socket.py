"""One WebSocket to the gateway, for as long as it lasts."""

from __future__ import annotations

import asyncio
from typing import Protocol

from actors.agents.dial import dial
from actors.agents.link import AgentLink, DialOptions, LinkClosed
from actors.agents.target import AgentTarget
from actors.errors import AgentClosedError, MailboxFullError


class SocketOwner(Protocol):
    """Who uses the socket. Calls are plain functions and must not block."""

    def gateway_frame(self, frame: bytes) -> None:
        """One message of the gateway."""

    def gateway_lost(self, why: str) -> None:
        """The socket ended; told once, and nothing comes after it."""


class GatewaySocket:
    """A way to the gateway that ``open`` dials. To the wire the gateway is an agent like any other."""

    _link: AgentLink

    def __init__(self, owner: SocketOwner) -> None:
        self._owner = owner
        self._ended = asyncio.Event()
        self.why = ""

    async def open(self, target: AgentTarget, connect_timeout_s: float) -> None:
        """Dial. Raises AgentUnreachableError."""
        self._link = await dial(target, self, DialOptions(connect_timeout_s=connect_timeout_s))

    def send(self, frame: bytes) -> None:
        """Send a message. A socket that has ended, or whose reader is stuck, takes none and ends."""
        try:
            self._link.send(frame)
        except (AgentClosedError, MailboxFullError) as error:
            self.end(error.detail)

    def pause(self) -> None:
        """Read nothing more until ``resume``."""
        if not self._ended.is_set():
            self._link.pause_reading()

    def resume(self) -> None:
        """Undo ``pause``."""
        if not self._ended.is_set():
            self._link.resume_reading()

    def end(self, why: str) -> None:
        """Take no more messages and let ``wait_ended`` return; the owner is told by ``close``."""
        if not self._ended.is_set():
            self.why = why
            self._ended.set()

    @property
    def has_ended(self) -> bool:
        """Whether the socket takes no more messages."""
        return self._ended.is_set()

    async def wait_ended(self) -> str:
        """Wait for the end, from whichever side; returns what it was."""
        await self._ended.wait()
        return self.why

    async def close(self) -> None:
        """End the socket and tell the owner, unless that was done already."""
        self._tell("closed by us")
        await self._link.close()

    # -- AgentListener -------------------------------------------------------------------------------

    def agent_frame(self, frame: bytes) -> None:
        """Pass a message on, unless the socket has been given up."""
        if not self._ended.is_set():
            self._owner.gateway_frame(frame)

    def agent_log(self, line: str) -> None:
        """A socket has no log."""

    def agent_closed(self, closed: LinkClosed) -> None:
        """Tell the owner at once, so that nothing more is sent into nowhere."""
        self._tell(closed.reason)

    def _tell(self, why: str) -> None:
        self.end(why)
        owner, self._owner = self._owner, _Nobody()
        owner.gateway_lost(self.why)


class _Nobody:
    """Stands in for an owner who has been told that the socket ended."""

    def gateway_frame(self, frame: bytes) -> None:
        """Nothing comes after the end."""

    def gateway_lost(self, why: str) -> None:
        """It was told once."""
