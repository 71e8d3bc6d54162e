"""The actor of one workspace: a repository checkout that a tenant works on.

It is the unit of placement: all sessions of a workspace are its children, on one worker, under one lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from actors import errors
from actors.agents.room import AgentRoom
from actors.connection.actor import ConnectionActor
from actors.connection.messages import (
    ConnectionSettings,
    DescribeSessions,
    OpenSession,
    SessionDirectory,
)
from actors.connection.scope import Scope
from actors.connection.store import SessionStore, StoredSession
from actors.kernel.actor import Actor
from actors.kernel.identity import ActorId
from actors.kernel.options import ActorOptions
from actors.kernel.ref import ActorRef
from actors.kernel.states import StopReason
from actors.kernel.supervision import Directive
from actors.placement.leases import HeldElsewhereError, Lease, Leases

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


class CheckWork:
    """Time to look whether turns still run in a workspace that is to be handed over."""


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """Another worker has the workspace."""


class WorkspaceDirectory(SessionDirectory, Protocol):
    """The worker's books, as a workspace keeps them true."""

    def session_elsewhere(self, session_id: str, life: str) -> None:
        """The workspace of a session is held by another worker's life: whoever wants it is sent there."""

    def session_failed(self, session_id: str, error: errors.LumiLinkError) -> None:
        """A session cannot be opened or taken up: whoever wants it is told."""


class WorkspaceActor(Actor):
    """Holds the workspace's lease and supervises its connections."""

    def __init__(
        self,
        installation: str,
        workspace_id: str,
        settings: ConnectionSettings,
        directory: WorkspaceDirectory,
        store: SessionStore,
        leases: Leases,
        room: AgentRoom,
    ) -> None:
        self._installation = installation
        self._workspace_id = workspace_id
        self._settings = settings
        self._directory = directory
        self._store = store
        self._leases = leases
        self._room = room
        self._lease: Lease | None = None
        self._hand_over_at: float | None = None

    def receive(self, message: object) -> object:
        """Take a session in. The first one waits, and all others behind it, until the lease is there."""
        match message:
            case OpenSession():
                return self._with_lease(message.session_id, "", lambda lease: self._open(message, lease))
            case TakeUpSession(stored, dead):
                session_id = stored.record.session_id
                return self._with_lease(session_id, dead, lambda lease: self._take_up(stored, lease))
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

    def _with_lease(self, session_id: str, dead: str, work: Callable[[Lease], None]) -> object:
        if self._lease is None:
            return self._acquire_for(session_id, dead, work)
        self._do(session_id, self._lease, work)
        return None

    async def _acquire_for(self, session_id: str, dead: str, work: Callable[[Lease], None]) -> None:
        try:
            self._lease = await self._leases.acquire(self.context.id.key, self._lease_lost, dead)
        except HeldElsewhereError as elsewhere:
            self._directory.session_elsewhere(session_id, elsewhere.life)
        except errors.LumiLinkError as error:
            self._directory.session_failed(session_id, error)
        else:
            self._do(session_id, self._lease, work)

    def _do(self, session_id: str, lease: Lease, work: Callable[[Lease], None]) -> None:
        try:
            work(lease)
        except errors.LumiLinkError as error:
            self._directory.session_failed(session_id, error)

    def _open(self, message: OpenSession, lease: Lease) -> None:
        self._spawn(message.session_id, lease, None).tell(message)

    def _take_up(self, stored: StoredSession, lease: Lease) -> None:
        """The new actor makes itself known to the directory when it holds the session."""
        self._spawn(stored.record.session_id, lease, stored)

    def _spawn(self, session_id: str, lease: Lease, stored: StoredSession | None) -> ActorRef:
        scope = Scope(
            self._installation,
            self._workspace_id,
            self._settings,
            self._directory,
            self._store,
            lease,
            self._room,
        )
        return self.context.spawn(
            ActorId("connection", session_id),
            lambda: ConnectionActor(scope, stored),
            # What failed is taken up from the journal when its clients ask for it: they do so at once.
            ActorOptions(on_failure=lambda _error: Directive.STOP),
        )

    async def _hand_over(self, deadline: float) -> None:
        """Stop as soon as no turn runs: what attached clients see of it is a pause."""
        if asyncio.get_running_loop().time() < deadline and await self._is_working():
            self.context.after(HAND_OVER_POLL_S, CheckWork())
            return
        if self._lease is not None:
            self._lease.is_handed_over = True
        self.context.stop()

    async def _is_working(self) -> bool:
        for connection in self.context.children.values():
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
        if self._lease is not None:
            await self._leases.release(self._lease)
