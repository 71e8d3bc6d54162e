"""By which protocol a workspace's sessions are carried: its standing, journalled, and told to connections.

Nobody is told of a change before it is committed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from actors import errors
from actors.kernel.actor import ActorContext
from actors.kernel.identity import ActorId
from actors.kernel.ref import ActorRef
from actors.kernel.timers import Timer
from actors.metrics.catalogue import PROTOCOL_CHANGES
from actors.metrics.meters import meters
from actors.migration import cause, view, words
from actors.migration import record as records
from actors.migration.cause import Cause
from actors.migration.command import Action, ProtocolCommand, WorkspaceProtocol
from actors.migration.contract import Chosen, FellBack, SampleKind, Switched, SwitchProtocol
from actors.migration.line import MovingLine
from actors.migration.policies import Policies
from actors.migration.policy import Policy
from actors.migration.samples import Gathered
from actors.migration.standing import Shift, Standing, Ways
from actors.migration.states import Change, ProtocolState
from actors.migration.stream import StandingStore, WorkspaceStream
from actors.migration.streams import EntryKind, WorkspaceName
from actors.placement.leases import Lease
from actors.protocol.agent_protocol import AgentProtocol

log = logging.getLogger("lumilink.workspace")

GATHER_S: Final = 1.0
LOOK_S: Final = 2.0
"""How often it is looked whether sessions that have to come over are still there."""
PROBE_LOOK_S: Final = 60.0
"""How often it is looked whether a session still tries ACP for its workspace."""
CONNECTION: Final = "connection"
"""The kind of those children of a workspace that carry sessions."""
SAVE_EVERY: Final = 64
TRIM_EVERY: Final = 512
KEPT_MS: Final = 24 * 3600 * 1000
SETTLE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Protocols:
    """What the workspaces of a worker have in common in this. ``clock`` gives epoch seconds."""

    store: StandingStore
    policies: Policies
    line: MovingLine
    clock: Callable[[], float] = time.time


class Look:
    """Time to write what was gathered, and to judge."""


class MoveNow:
    """It is this workspace's turn to move with the rollout."""


@dataclass(frozen=True, slots=True)
class PolicyChanged:
    """The installation has another policy."""

    policy: Policy


async def resume(
    context: ActorContext, name: WorkspaceName, lease: Lease, protocols: Protocols, ways: Ways
) -> Steering:
    """Go on where the journal has the workspace, or begin. Raises JournalUnavailableError."""
    policy = await protocols.policies.get(name.installation)
    stored = await protocols.store.find(lease.workspace)
    standing = protocols.store.standing(stored, name, policy, protocols.clock(), ways)
    last_seq = 0 if stored is None else stored.last_seq
    steering = Steering(context, lease, standing, protocols, last_seq)
    steering.begin(is_new=stored is None)
    return steering


class Steering:
    """The ``ProtocolStanding`` of one workspace's connections, which are the children of ``context``.

    Belongs to the workspace's actor.
    """

    def __init__(
        self,
        context: ActorContext,
        lease: Lease,
        standing: Standing,
        protocols: Protocols,
        last_seq: int,
    ) -> None:
        self._context = context
        self._key = lease.workspace
        self._standing = standing
        self._line = protocols.line
        self._store = protocols.store
        self._clock = protocols.clock
        self._gathered = Gathered()
        self._coming: set[ActorId] = set()
        self._came = 0
        self._errors: list[str] = []
        self._entries = 0
        self._timer: Timer | None = None
        self._due_s = 0.0
        self._stream = WorkspaceStream(
            lease.workspace,
            lease.fence,
            protocols.store.writer,
            describe=self._describe,
            lost=lease.refused,
            last_seq=last_seq,
        )

    # ------------------------------------------------------------------ ProtocolStanding

    def choose(self, session_id: str) -> Chosen:
        """See ``ProtocolStanding.choose``."""
        return self._standing.choose(session_id)

    def note(
        self, kind: SampleKind, *, ok: bool, is_probe: bool = False, latency_p95_ms: float | None = None
    ) -> None:
        """See ``ProtocolStanding.note``."""
        if latency_p95_ms is not None:
            self._standing.latency_p95_ms = latency_p95_ms
        self._standing.note(self._clock(), self._gathered, ok=ok, is_probe=is_probe)
        if not self._judge() and not ok:
            self._write_samples()
        self._arm()

    @property
    def fallback_enabled(self) -> bool:
        """Whether a session that ACP fails may go on over HTTP."""
        return self._standing.policy.fallback_enabled

    # ------------------------------------------------------------------ what the actor is told

    def begin(self, *, is_new: bool) -> None:
        """Look at once: much may be due since another process had the workspace."""
        if is_new:
            self._stream.append([], save=True)
        self._write(self._standing.resumed(self._clock()))
        self.look()

    def look(self) -> None:
        """Write what was gathered, judge, and see who is still to come over."""
        self._timer = None
        self._standing.keep_only([one.key for one in self._connections()])
        if not self._judge():
            self._write_samples()
            if self._connections() and self._standing.seek_probers():
                self._tell(Change.COOLED_DOWN, cause.COOLED_DOWN)
        if self._entries >= TRIM_EVERY:
            self._entries = 0
            older_than_ms = int(self._clock() * 1000) - KEPT_MS
            self._context.run(self._store.trim(self._key, older_than_ms), name="trim")
        if self._coming:
            self._coming.intersection_update(self._connections())
            self._complete_if_all_came()
        if self._standing.is_reached(self._clock()):
            self._line.join(self._key, self._move)
        self._arm()

    def _move(self) -> None:
        try:
            self._context.ref.tell(MoveNow())
        except errors.LumiLinkError as error:
            log.warning("workspace %s moves later: %s", self._key, error)

    def take(self, message: FellBack | Switched | PolicyChanged | MoveNow) -> None:
        """What connections and the rollout have to say."""
        match message:
            case FellBack(session_id):
                self._standing.fell_back(session_id)
            case Switched(session_id, to, error):
                # What was carried out for an earlier change does not count.
                if to is self._standing.choose(session_id).protocol:
                    self._switched(ActorId("connection", session_id), error)
            case PolicyChanged(policy):
                self._standing.policy = policy
                self.look()
            case MoveNow():
                self._standing.is_admitted = True
                if not self._judge():
                    self._line.leave(self._key)
                self._standing.is_admitted = False

    async def command(self, command: ProtocolCommand) -> WorkspaceProtocol:
        """Do what somebody asked for; answers when it is committed.

        Raises PreconditionError for another version, ConflictError where it cannot be.
        """
        now_s = self._clock()
        shift = view.carried_out(self._standing, command, now_s)
        if command.action is not Action.SHOW and not command.dry_run:
            self._carry_out([shift] if shift is not None else [])
            await self._stream.settled()
            if self._stream.is_over:
                raise errors.WorkerUnavailableError("another worker has the workspace now", 1.0)
        return view.shown(self._standing, now_s, command, len(self._connections()), len(self._coming))

    def taken_up(
        self, session_id: str, carried_by: AgentProtocol, *, fell_back: bool
    ) -> SwitchProtocol | None:
        """A session of the journal is here: what it has to be told, if it is not carried as it should be."""
        if fell_back and carried_by is AgentProtocol.HTTP:
            self._standing.fell_back(session_id)
        to = self._standing.choose(session_id).protocol
        return None if to is carried_by else words.catch_up(to)

    def let_go(self) -> None:
        """The actor ends: others may move, and what is not written yet is."""
        self._line.leave(self._key)
        self._stream.append([], save=True)

    async def settled(self) -> None:
        """Wait until it is written, at most SETTLE_S seconds."""
        try:
            async with asyncio.timeout(SETTLE_S):
                await self._stream.settled()
        except TimeoutError:
            log.warning("workspace %s: the journal does not take its standing in time", self._key)

    # ------------------------------------------------------------------ changes

    def _connections(self) -> dict[ActorId, ActorRef]:
        return {one: ref for one, ref in self._context.children.items() if one.kind == CONNECTION}

    def _judge(self) -> bool:
        """Whether something has changed by itself."""
        shifts = self._standing.judge(self._clock())
        if shifts:
            self._carry_out(shifts)
        return bool(shifts)

    def _carry_out(self, shifts: list[Shift]) -> None:
        entries = [entry for shift in shifts for entry in shift.entries]
        last = shifts[-1] if shifts else None
        self._stream.append(
            entries, save=True, then=(lambda: self._tell(last.change, last.cause)) if last else None
        )
        for shift in shifts:
            meters().count(PROTOCOL_CHANGES, shift.change.value)
            log.warning("workspace %s: %s, by %s", self._key, shift.after, shift.cause.code)
        self._arm()

    def _tell(self, change: Change, why: Cause) -> None:
        """It is committed: each connection carries on as the standing has it now."""
        connections = self._connections()
        self._coming = set(connections)
        self._came, self._errors = len(self._coming), []
        for connection_id, connection in connections.items():
            to = self._standing.choose(connection_id.key).protocol
            try:
                connection.tell(words.switch(change, why, to))
            except errors.LumiLinkError as error:
                self._switched(connection_id, error.code)
        self._complete_if_all_came()
        self._arm()

    def _switched(self, connection_id: ActorId, error: str) -> None:
        if connection_id in self._coming:
            self._coming.discard(connection_id)
            if error:
                self._errors.append(error)
            self._complete_if_all_came()

    def _complete_if_all_came(self) -> None:
        if self._coming:
            return
        self._line.leave(self._key)
        self._write(self._standing.came_over(self._clock(), self._came, tuple(self._errors)))

    # ------------------------------------------------------------------ the journal, and time

    def _write(self, entries: list[tuple[EntryKind, bytes]]) -> None:
        if entries:
            self._stream.append(entries, save=True)

    def _write_samples(self) -> None:
        if not self._gathered:
            return
        self._entries += 1
        if self._entries % SAVE_EVERY == 0:
            self._stream.append([], save=True)  # which holds these samples too
        else:
            self._stream.append([(EntryKind.SAMPLES, self._gathered.take())], save=False)

    def _describe(self) -> bytes:
        # The windows of the record hold what was gathered.
        self._gathered = Gathered()
        snapshot = self._standing.snapshot()
        snapshot.seq = self._stream.last_seq
        return records.encode(snapshot)

    def _arm(self) -> None:
        """Look again when there is something to look at."""
        now_s = self._clock()
        moments = [self._standing.due_s()]
        moments += [now_s + GATHER_S] if self._gathered else []
        moments += [now_s + LOOK_S] if self._coming else []
        is_probing = self._standing.state is ProtocolState.HALF_OPEN and self._connections()
        moments += [now_s + PROBE_LOOK_S] if is_probing else []
        due_s = min((moment for moment in moments if moment is not None), default=None)
        if due_s is None or (self._timer is not None and self._due_s <= due_s):
            return
        if self._timer is not None:
            self._timer.cancel()
        try:
            self._timer = self._context.after(max(due_s - now_s, 0.01), Look())
            self._due_s = due_s
        except errors.ActorStoppedError:
            self._timer = None  # the next one to have the workspace looks
