"""What the agents of a gateway can do, asked once for all who want to know."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from actors.agents.inherited import inherited_environment
from actors.agents.link import DialOptions
from actors.agents.probe import AgentProfile, probe
from actors.agents.target import AgentTarget
from actors.errors import AgentUnreachableError

PROFILE_TTL_S: Final = 300.0


class ProfileSettings(Protocol):
    """What of a connection's settings matters for it."""

    @property
    def target(self) -> AgentTarget:
        """The agent."""

    @property
    def agent_environment(self) -> tuple[str, ...]:
        """Patterns of the names of variables that a local agent inherits."""

    @property
    def max_frame_bytes(self) -> int:
        """The largest message."""

    @property
    def agent_start_timeout_s(self) -> float:
        """Seconds for the agent's answer."""


class Profile:
    """The agent's ``initialize`` result, kept for five minutes; a failure is not kept."""

    def __init__(self, settings: ProfileSettings) -> None:
        self._settings = settings
        self._task: asyncio.Task[AgentProfile] | None = None
        self._asked_at = 0.0

    async def get(self) -> bytes:
        """The result as JSON text.

        Raises what ``probe`` raises, and AgentUnreachableError where each container has an address of its
        own.
        """
        if self._settings.target.placeholders:
            raise AgentUnreachableError("which agent it is depends on the container that a session names")
        now = asyncio.get_running_loop().time()
        task = self._task
        failed = task is not None and task.done() and (task.cancelled() or task.exception() is not None)
        if task is None or failed or now - self._asked_at > PROFILE_TTL_S:
            settings = self._settings
            env = inherited_environment(settings.agent_environment)
            options = DialOptions(env=env, max_frame_bytes=settings.max_frame_bytes)
            found = probe(settings.target, options, {}, settings.agent_start_timeout_s)
            task = self._task = asyncio.ensure_future(found)
            self._asked_at = now
        return (await asyncio.shield(task)).initialize_result

    async def close(self, grace_s: float) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=grace_s)
