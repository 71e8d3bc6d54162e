"""The actor of one workspace: a repository checkout that a tenant works on.

It is the unit of placement: all sessions of a workspace are its children, on one worker, under one lease.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from actors import errors
from actors.agents.room import AgentRoom
from actors.automation.messages import PullRequestNews
from actors.connection.actor import ConnectionActor
from actors.connection.messages import (
    ConnectionSettings,
    DescribeSessions,
    OpenSession,
    SessionDirectory,
)
from actors.connection.scope import Scope
from actors.connection.status.times import OF_A_WORKSPACE, TurnTimes
from actors.connection.store import SessionStore, StoredSession
from actors.kernel.actor import Actor
from actors.kernel.identity import ActorId
from actors.kernel.options import ActorOptions
from actors.kernel.ref import ActorRef
from actors.kernel.states import StopReason
from actors.kernel.supervision import Directive
from actors.migration.command import Elsewhere, ProtocolCommand, WorkspaceProtocol
from actors.migration.contract import FellBack, Switched
from actors.migration.streams import WorkspaceName
from actors.placement.leases import HeldElsewhereError, Lease, Leases
from actors.workspace.automations import Automation, Automations
from actors.workspace.steering import CONNECTION, Look, MoveNow, PolicyChanged, Protocols, Steering, resume
from actors.workspace.ways import ways_of

log = logging.getLogger("lumilink.workspace")

HAND_OVER_POLL_S = 0.2
DESCRIBE_DEADLINE_S = 2.0


@dataclass(frozen=True, slots=True)
class TakeUpSession:
    """Go on with a session that the journal has. ``dead`` is a life of a worker that is known to be over."""

    stored: StoredSession
    dead: str = ""


@dataclass(frozen=True, slots=True)
class HandOver:
    """The worker is draining: let another go on between two turns, at the latest at ``deadline``.

    The deadline is a moment of the loop's clock.
    """

    deadline: float


class ResumeAutomation:
    """The journal has an automation of the workspace that nobody goes on with."""


class CheckWork:
    """Time to look whether turns still run in a workspace that is to be handed over."""


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """Another worker has the workspace."""


class WorkspaceDirectory(SessionDirectory, Protocol):
    """The worker's books, as a workspace keeps them true."""

    def holder_of(self, session_id: str, installation: str) -> ActorRef:
        """Who holds a session. Raises SessionNotFoundError for one that is not here."""

    def session_elsewhere(self, session_id: str, life: str) -> None:
        """The workspace of a session is held by another worker's life: whoever wants it is sent there."""

    def session_failed(self, session_id: str, error: errors.LumiLinkError) -> None:
        """A session cannot be opened or taken up: whoever wants it is told."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What the actor has once it holds the workspace."""

    lease: Lease
    steering: Steering
    automations: Automations


class WorkspaceActor(Actor):
    """Holds the workspace's lease, steers its protocol and supervises its connections."""

    def __init__(
        self,
        installation: str,
        workspace_id: str,
        settings: ConnectionSettings,
        directory: WorkspaceDirectory,
        store: SessionStore,
        leases: Leases,
        room: AgentRoom,
        protocols: Protocols,
        automation: Automation,
    ) -> None:
        self._installation = installation
        self._workspace_id = workspace_id
        self._settings = settings
        self._directory = directory
        self._store = store
        self._leases = leases
        self._room = room
        self._protocols = protocols
        self._automation = automation
        self._times = TurnTimes(OF_A_WORKSPACE)
        self._held: _Held | None = None
        self._hand_over_at: float | None = None

    def receive(self, message: object) -> object:
        """Take a session in. The first one waits, and all others behind it, until the lease is there."""
        match message:
            case OpenSession():
                return self._with_lease(message.session_id, "", lambda held: self._open(message, held))
            case TakeUpSession(stored, dead):
                session_id = stored.record.session_id
                return self._with_lease(session_id, dead, lambda held: self._take_up(stored, held))
            case ProtocolCommand():
                return self._command(message)
            case PullRequestNews():
                return self._hear_news(message)
            case ResumeAutomation():
                return self._resume_automation()
            case Look():
                if self._held is not None:
                    self._held.steering.look()
            case FellBack() | Switched() | PolicyChanged() | MoveNow():
                if self._held is not None:
                    self._held.steering.take(message)
            case HandOver():
                if self._hand_over_at is None:
                    self._hand_over_at = message.deadline
                    self.context.run(self._hand_over(message.deadline), name="hand over")
            case CheckWork():
                self.context.run(self._hand_over(self._hand_over_at or 0.0), name="hand over")
            case LeaseLost():
                self.context.stop()
            case _:
                raise errors.InternalError(f"a workspace actor takes no {type(message).__name__}")
        return None

    # ------------------------------------------------------------------ holding the workspace

    async def _hold(self, dead: str = "") -> _Held:
        """Take the workspace, and go on where the journal has it.

        Raises HeldElsewhereError, and JournalUnavailableError.
        """
        if self._held is not None:
            return self._held
        lease = await self._leases.acquire(self.context.id.key, self._lease_lost, dead)
        name = WorkspaceName(self._installation, self._workspace_id)
        try:
            steering = await resume(self.context, name, lease, self._protocols, ways_of(self._settings))
        except errors.LumiLinkError:
            await self._leases.release(lease)
            raise
        automations = Automations(self.context, name, lease, self._automation, self._tell_session)
        self._held = _Held(lease, steering, automations)
        return self._held

    def _tell_session(self, session_id: str, message: object) -> None:
        """Bring a session what its automation has for it. One that is not here hears of it when it is."""
        try:
            self._directory.holder_of(session_id, self._installation).tell(message)
        except errors.LumiLinkError as error:
            log.info("session %s hears of its automation later: %s", session_id, error.code)

    def _with_lease(self, session_id: str, dead: str, work: Callable[[_Held], None]) -> object:
        if self._held is None:
            return self._hold_for(session_id, dead, work)
        self._do(session_id, self._held, work)
        return None

    async def _hold_for(self, session_id: str, dead: str, work: Callable[[_Held], None]) -> None:
        try:
            held = await self._hold(dead)
        except HeldElsewhereError as elsewhere:
            self._directory.session_elsewhere(session_id, elsewhere.life)
        except errors.LumiLinkError as error:
            self._directory.session_failed(session_id, error)
        else:
            self._do(session_id, held, work)

    def _command(self, command: ProtocolCommand) -> object:
        if self._held is None:
            return self._hold_and_command(command)
        return self.context.run(self._held.steering.command(command), name="protocol command")

    async def _hold_and_command(self, command: ProtocolCommand) -> WorkspaceProtocol | Elsewhere:
        try:
            held = await self._hold(command.dead)
        except HeldElsewhereError as elsewhere:
            return Elsewhere(elsewhere.life)
        return await held.steering.command(command)

    async def _resume_automation(self) -> None:
        try:
            held = await self._hold()
        except HeldElsewhereError:
            return  # whoever has the workspace goes on
        except errors.LumiLinkError as error:
            log.warning("automations of %s go on later: %s", self._workspace_id, error)
            return
        held.automations.begin()

    def _hear_news(self, news: PullRequestNews) -> object:
        if self._held is None:
            return self._hold_and_hear(news)
        return self.context.run(self._held.automations.hear(news), name="hear of a pull request")

    async def _hold_and_hear(self, news: PullRequestNews) -> bool | Elsewhere:
        try:
            held = await self._hold(news.dead)
        except HeldElsewhereError as elsewhere:
            return Elsewhere(elsewhere.life)
        return await held.automations.hear(news)

    # ------------------------------------------------------------------ sessions

    def _do(self, session_id: str, held: _Held, work: Callable[[_Held], None]) -> None:
        try:
            work(held)
        except errors.LumiLinkError as error:
            self._directory.session_failed(session_id, error)

    def _open(self, message: OpenSession, held: _Held) -> None:
        self._spawn(message.session_id, held, None).tell(message)

    def _take_up(self, stored: StoredSession, held: _Held) -> None:
        """The new actor makes itself known to the directory when it holds the session."""
        session_id, carriage = stored.record.session_id, stored.record.carriage
        connection = self._spawn(session_id, held, stored)
        fell_back = bool(carriage.fallback_code)
        switch = held.steering.taken_up(session_id, carriage.protocol, fell_back=fell_back)
        if switch is not None:
            connection.tell(switch)

    def _spawn(self, session_id: str, held: _Held, stored: StoredSession | None) -> ActorRef:
        scope = Scope(
            self._installation,
            self._workspace_id,
            self._settings,
            self._directory,
            self._store,
            held.lease,
            self._room,
            held.steering,
            self._hear,
            held.automations,
            self._times,
        )
        return self.context.spawn(
            ActorId(CONNECTION, session_id),
            lambda: ConnectionActor(scope, stored),
            # What failed is taken up from the journal when its clients ask for it: they do so at once.
            ActorOptions(on_failure=lambda _error: Directive.STOP),
        )

    def _hear(self, told: FellBack | Switched) -> None:
        """A connection has something to say."""
        try:
            self.context.ref.tell(told)
        except errors.LumiLinkError as error:
            log.info("workspace %s does not hear %s: %s", self._workspace_id, type(told).__name__, error)

    # ------------------------------------------------------------------ handing over

    async def _hand_over(self, deadline: float) -> None:
        """Stop as soon as no turn runs: what attached clients see of it is a pause."""
        if asyncio.get_running_loop().time() < deadline and await self._is_working():
            self.context.after(HAND_OVER_POLL_S, CheckWork())
            return
        if self._held is not None:
            self._held.lease.is_handed_over = True
        self.context.stop()

    async def _is_working(self) -> bool:
        for child_id, connection in self.context.children.items():
            if child_id.kind != CONNECTION:
                continue
            try:
                found = await connection.ask(DescribeSessions(), DESCRIBE_DEADLINE_S)
            except errors.LumiLinkError:
                continue
            assert isinstance(found, list)
            if any(one.turn != "idle" for one in found):
                return True
        return False

    def _lease_lost(self) -> None:
        try:
            self.context.ref.tell(LeaseLost())
        except errors.LumiLinkError:
            self.context.stop()

    def may_passivate(self) -> bool:
        """Without connections there is nothing to keep."""
        return not self.context.children

    async def stopping(self, reason: StopReason) -> None:
        """Give the workspace back. The connections have ended by now, and what they had to say is written."""
        held = self._held
        if held is None:
            return
        held.steering.let_go()
        if not held.lease.is_lost:
            await held.steering.settled()
        await self._leases.release(held.lease)
