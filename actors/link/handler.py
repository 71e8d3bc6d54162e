"""Who handles what comes in on a link."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol

from actors import errors

if TYPE_CHECKING:
    from actors.link.channel import Channel


class LinkHandler(Protocol):
    """What a process does with the frames of a link. Everything but ``link_call`` must not block.

    A handler that raises has failed on that one frame: it is logged, and the link goes on.
    """

    def link_open(self, channel: Channel, stream: int, session_id: str, greeting: dict[str, object]) -> None:
        """A client attaches to a session (worker side)."""

    def link_data(self, channel: Channel, stream: int, message: bytes, seq: int) -> None:
        """A message of an attachment; ``seq`` is its place in the session's stream, 0 if it has none."""

    def link_answer(self, channel: Channel, stream: int, request_id: object, message: bytes) -> None:
        """An answer to a client's request (replica side)."""

    def link_close(self, channel: Channel, stream: int, error: errors.LumiLinkError) -> None:
        """The peer ended an attachment."""

    def link_moved(self, channel: Channel, stream: int, life: str) -> None:
        """The session's workspace is held by the worker with this life (replica side)."""

    def link_credit(self, channel: Channel, stream: int, frames: int, size: int) -> None:
        """The peer passed on ``frames`` messages of together ``size`` bytes."""

    def link_call(self, channel: Channel, method: str, arguments: dict[str, object]) -> Awaitable[object]:
        """A question of the peer; its result, or the error raised, is the answer."""

    def link_writable(self, channel: Channel) -> None:
        """The socket takes data again after it was congested."""

    def link_lost(self, channel: Channel, error: errors.LinkBrokenError) -> None:
        """The link is gone. Told once, and only after a completed handshake."""
