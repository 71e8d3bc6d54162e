"""The one interface to an agent, whatever the wire.

An ``AgentLink`` carries whole JSON-RPC messages as UTF-8 bytes, in order, both ways. It knows nothing
of their content. What comes from the agent is handed to the link's ``AgentListener`` on the event loop,
one call a message; what goes to the agent is buffered by the link and never blocks the sender.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LinkClosed:
    """Why a link ended. ``clean`` is true where we closed it ourselves."""

    reason: str
    clean: bool


@dataclass(frozen=True, slots=True)
class DialOptions:
    """How to reach an agent. Environment values may hold secrets, so they are kept out of ``repr``.

    A link on which nothing was heard for ``idle_timeout_s`` has ended. An agent that is silent for half of
    that is asked for a sign of life. Over stdio there is none to ask for: its process is there, or has ended.
    """

    connect_timeout_s: float = 10.0
    max_frame_bytes: int = 16 * 1024 * 1024
    idle_timeout_s: float = 60.0
    stop_grace_s: float = 3.0
    cwd: str | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


class AgentListener(Protocol):
    """Who is told what an agent does. Calls are plain functions and must not block."""

    def agent_frame(self, frame: bytes) -> None:
        """One whole message from the agent, not yet parsed."""

    def agent_log(self, line: str) -> None:
        """One line that the agent wrote to its standard error (stdio only)."""

    def agent_closed(self, closed: LinkClosed) -> None:
        """Told exactly once, after the last ``agent_frame``; also after our own ``close``."""


class AgentLink(Protocol):
    """A live way to one agent."""

    def send(self, frame: bytes) -> None:
        """Queue one message for the agent.

        Raises AgentClosedError if the link has ended, FrameTooLargeError over ``max_frame_bytes``, and
        MailboxFullError if the agent has not read what was sent before (at most twice ``max_frame_bytes``).
        """

    def pause_reading(self) -> None:
        """Read nothing more from the agent until ``resume_reading``; the wire's own flow control holds it."""

    def resume_reading(self) -> None:
        """Undo ``pause_reading``."""

    async def close(self) -> None:
        """End the link within ``stop_grace_s``; afterwards nothing of it is left (no task, no process)."""
