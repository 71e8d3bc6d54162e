"""A connection's place in its worker's room for agents: only what is a process of ours needs one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from actors import errors
from actors.agents.link import AgentLink
from actors.agents.process_tree import memory_of
from actors.agents.room import AgentRoom
from actors.agents.stdio import StdioLink
from actors.agents.target import AgentTarget, TargetKind
from actors.connection.messages import MakeRoom
from actors.kernel.ref import ActorRef


class Lodging:
    """One connection's. ``on_wait`` hears how many agents are before its own, if that has to wait."""

    def __init__(
        self,
        room: AgentRoom,
        owner: ActorRef,
        installation: str,
        target: AgentTarget,
        wait_s: float,
        on_wait: Callable[[int], None],
    ) -> None:
        self._room = room
        self._owner = owner
        self._installation = installation
        self._wait_s = wait_s
        self._on_wait = on_wait
        self.use(target)
        self._measured: AgentLink | None = None

    def use(self, target: AgentTarget) -> None:
        """From now on it is the agent at ``target`` that may need a place; the one before is gone."""
        self._kind = target.label
        self._is_needed = target.kind is TargetKind.STDIO

    def starting(self) -> AbstractAsyncContextManager[None]:
        """Hold this while the agent starts. Raises AgentMemoryError; see ``AgentRoom.starting``."""
        if not self._is_needed:
            return contextlib.nullcontext()
        return self._room.starting(self, self._kind, self._installation, self._wait_s, self._on_wait)

    def returning(self) -> AbstractAsyncContextManager[None]:
        """Hold this while the agent is brought back; see ``AgentRoom.returns``."""
        return self._room.returns.passing()

    def rests(self) -> None:
        """The agent has no turn to work on."""
        if self._is_needed:
            self._room.rests(self, self._make_room)

    def works(self) -> None:
        """The agent has got a prompt."""
        if self._is_needed:
            self._room.works(self)

    def gone(self) -> None:
        """The agent has ended."""
        if self._is_needed:
            self._room.gone(self)

    def wants_size(self, link: AgentLink) -> bool:
        """Whether this agent's size is worth a look: once, of enough agents to know what its kind takes."""
        if self._measured is link or not isinstance(link, StdioLink):
            return False
        self._measured = link
        return self._room.wants_size(self._kind)

    async def measure(self, link: AgentLink) -> None:
        """Tell the room how big the agent is."""
        if isinstance(link, StdioLink):
            size = await memory_of(link.pid)
            if size:
                self._room.note_size(self._kind, size)

    def _make_room(self) -> None:
        with contextlib.suppress(errors.LumiLinkError):  # it has ended, or has more to do than rest
            self._owner.tell(MakeRoom())
