"""A workspace's steering in memory: a journal, connections that do as they are told, and a clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from actors import errors
from actors.journal import GroupWriter
from actors.journal.contract import Entry
from actors.journal.memory import MemoryJournal
from actors.kernel import Actor, ActorId, ActorRef, ActorSystem
from actors.kernel.states import StopReason
from actors.migration.command import ProtocolCommand, WorkspaceProtocol
from actors.migration.contract import SampleKind, Switched, SwitchProtocol
from actors.migration.line import MovingLine
from actors.migration.policies import Policies
from actors.migration.policy import Policy
from actors.migration.standing import BOTH
from actors.migration.stream import StandingStore
from actors.migration.streams import WorkspaceName, workspace_stream
from actors.placement.leases import Lease
from actors.workspace.steering import (
    Look,
    MoveNow,
    PolicyChanged,
    Protocols,
    Steering,
    resume,
)

NAME = WorkspaceName("inst", "ws_1")


async def settle() -> None:
    """Let everything that can happen without time passing happen, commits included."""
    loop = asyncio.get_running_loop()
    for _ in range(10_000):
        await asyncio.sleep(0)
        if not loop._ready:  # type: ignore[attr-defined]  # it has no public name
            return
    raise AssertionError("something happens over and over again")


class Connection(Actor):
    """Goes over when it is told, unless its turn runs or it cannot."""

    def __init__(self, world: World) -> None:
        self._world = world

    def receive(self, message: object) -> object:
        assert isinstance(message, SwitchProtocol)
        session_id = self.context.id.key
        self._world.told.append((session_id, message))
        if session_id in self._world.ending:
            self.context.stop()
        elif session_id not in self._world.busy:
            error = self._world.broken.get(session_id, "")
            self._world.workspace.tell(Switched(session_id, message.to, error))
        return None


class Workspace(Actor):
    """What the workspace's actor is to its steering."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._steering: Steering | None = None

    async def started(self) -> None:
        world = self._world
        self._steering = await resume(self.context, NAME, world.lease, world.protocols, BOTH)
        world.steering = self._steering

    def receive(self, message: object) -> object:
        steering = self._steering
        assert steering is not None
        match message:
            case Look():
                steering.look()
            case Switched() | MoveNow() | PolicyChanged():
                steering.take(message)
            case ProtocolCommand():
                return self.context.run(steering.command(message), name="command")
            case str():
                self.context.spawn(ActorId("connection", message), lambda: Connection(self._world))
        return None

    async def stopping(self, reason: StopReason) -> None:
        if self._steering is not None:
            self._steering.let_go()
            await self._steering.settled()


Begin = Callable[..., Awaitable["World"]]


class World:
    """``before`` is the world of a worker that is gone, whose journal this one goes on with."""

    def __init__(self, policy: Policy | None = None, before: World | None = None) -> None:
        self.before = before
        self.journal: MemoryJournal = before.journal if before else MemoryJournal()
        self.now: float = before.now if before else 1_800_000_000.0
        self.system = ActorSystem(on_escalation=self._escalated, chance=lambda: 0.0)
        self.writer = GroupWriter(self.journal)
        self.line = MovingLine()
        self.policies = Policies(self.journal, policy or (before.default if before else Policy()))
        self.default = policy or (before.default if before else Policy())
        self.protocols = Protocols(
            StandingStore(self.journal, self.writer), self.policies, self.line, lambda: self.now
        )
        self.told: list[tuple[str, SwitchProtocol]] = []
        self.busy: set[str] = set()
        self.ending: set[str] = set()
        self.broken: dict[str, str] = {}
        self.escalated: list[BaseException] = []
        self.lost = 0

    def _escalated(self, error: BaseException) -> None:
        self.escalated.append(error)

    async def start(self, *sessions: str) -> World:
        placement = await self.journal.acquire(NAME.key, f"life-{id(self)}", 0.0)
        self.lease = Lease(placement, lambda: None, self._refused)
        self.workspace: ActorRef = self.system.spawn(ActorId("workspace", NAME.key), lambda: Workspace(self))
        for session_id in sessions:
            self.workspace.tell(session_id)
        await settle()
        return self

    def _refused(self) -> None:
        self.lost += 1

    async def note(self, letters: str, *, is_probe: bool = False) -> None:
        for letter in letters:
            self.steering.note(SampleKind.TURN, ok=letter == "g", is_probe=is_probe)
        await settle()

    async def passes(self, seconds: float) -> None:
        self.now += seconds
        self.workspace.tell(Look())
        await settle()

    async def ask(self, command: ProtocolCommand) -> WorkspaceProtocol:
        answer = await self.workspace.ask(command, 1.0)
        assert isinstance(answer, WorkspaceProtocol)
        return answer

    async def turn_ends(self, session_id: str) -> None:
        """The turn that kept a session from going over is over."""
        self.busy.discard(session_id)
        [*_, message] = [told for name, told in self.told if name == session_id]
        self.workspace.tell(Switched(session_id, message.to))
        await settle()

    async def killed(self) -> World:
        """The worker dies; another one takes the workspace."""
        await self.writer.close(1.0)
        return World(before=self)

    async def end(self) -> None:
        await self.system.stop(5.0)
        assert self.escalated == []
        try:
            await self.writer.close(1.0)
        except errors.JournalUnavailableError:
            return

    # ------------------------------------------------------------------ what the journal has

    async def entries(self) -> list[Entry]:
        page = await self.journal.read(workspace_stream(NAME.key), 0, 10_000, 1 << 30)
        return list(page.entries)

    async def statuses(self) -> list[str]:
        """Those of the migrations that were written, in order."""
        found = [json.loads(one.payload) for one in await self.entries() if one.kind == "migration"]
        return [one.get("status", "in-progress") for one in found]
