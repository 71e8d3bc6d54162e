"""The inside of a worker: the actors of up to 1,000 sessions, reached over links. Knows no Ray."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import psutil

from actors import errors
from actors.agents.orphans import end_orphans
from actors.agents.profile import Profile
from actors.agents.room import AgentRoom
from actors.automation.settings import AutomationSettings, ForgeAccess
from actors.capacity.ledger import WorkerReport
from actors.connection.attachment import Attachment
from actors.connection.messages import (
    AttachMode,
    AttachSession,
    ClientFrame,
    ConnectionSettings,
    Credit,
    Detach,
    ForkSession,
    JournalAway,
    OpenSession,
    Pressed,
)
from actors.connection.roles import Role
from actors.dismissals import Dismissals
from actors.gauges import watch_worker
from actors.hosted import Hosted, HostedSessions
from actors.inquiries import Inquiries
from actors.kernel.identity import ActorId
from actors.kernel.options import ActorOptions
from actors.kernel.ref import ActorRef
from actors.kernel.system import ActorSystem
from actors.link.channel import Channel
from actors.link.endpoint import LinkAddress, LinkServer
from actors.link.greeting import Greeting
from actors.metrics.catalogue import TAKEN_UP
from actors.metrics.meters import Meters, meters
from actors.migration.policy import Policy
from actors.migration.streams import WorkspaceName
from actors.protocol.envelope import parse
from actors.protocol.surroundings import surroundings_of
from actors.storage import Storage, StorageSettings
from actors.workspace.actor import HandOver, TakeUpSession, WorkspaceActor
from actors.workspace.automation_counter import AutomationCounter
from actors.workspace.desk import ProtocolDesk

log = logging.getLogger("lumilink.worker")

WORKSPACE_IDLE_S = 60.0
STOP_GRACE_S = 10.0
RETRY_S = 0.05
HAND_OVERS_AT_ONCE = 100

_ATTACH_MODES = frozenset(AttachMode)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker is told when it is made."""

    worker_id: str
    host: str
    secret: str = field(repr=False)
    capacity: int
    connection: ConnectionSettings
    storage: StorageSettings
    agent_memory_reserve: float = 0.1
    policy: Policy = field(default_factory=Policy)
    automation: AutomationSettings = field(default_factory=AutomationSettings)
    forge: ForgeAccess = field(default_factory=ForgeAccess)


@dataclass(slots=True)
class _Stream:
    attachment: Attachment
    session_id: str


class Host:
    """Hosts the actors, and brings the frames of links to them."""

    def __init__(self, settings: WorkerSettings, on_fatal: Callable[[BaseException], None]) -> None:
        self._settings = settings
        self._system = ActorSystem(on_escalation=on_fatal)
        self._links = LinkServer(settings.worker_id, settings.secret, self)
        self._hosted = HostedSessions(settings.capacity, _move)
        self._streams: dict[tuple[Channel, int], _Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._profile = Profile(settings.connection)
        self._room = AgentRoom(settings.agent_memory_reserve)
        self._storage: Storage | None = None
        self.dismissals = Dismissals(self._hosted, self._system, lambda: self.storage.leases.workspaces())
        self.inquiries = Inquiries(self._hosted, lambda: self.storage.sessions)
        self._draining = False
        self._going: set[str] = set()
        self.address: LinkAddress | None = None

    async def start(self) -> LinkAddress:
        """Open the journal and accept links; returns where.

        Raises JournalUnavailableError and SettingsError.
        """
        settings = self._settings
        self._storage = storage = await Storage.open(settings.storage, settings.worker_id, self)
        self.desk = ProtocolDesk(
            self._system,
            storage.journal,
            storage.sessions,
            storage.leases,
            self._workspace,
            settings.connection,
            settings.policy,
        )
        self._start(self.desk.policies.keep(), "keep policies")
        self.automations = AutomationCounter(
            settings.automation, settings.forge, storage.journal, storage.sessions.writer, self._workspace
        )
        if settings.automation.enabled:
            await self.automations.prepare()
            self._start(self.automations.look_after(), "look after automations")
        self._start(self._end_orphans(self._storage.life), "end orphans")
        self.address = await self._links.listen(self._settings.host)
        gc.collect()
        # What lives from here on lives as long as the process: the collector need not look at it again.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        return self.address

    async def _end_orphans(self, life: str) -> None:
        await asyncio.to_thread(end_orphans, life)

    async def stop(self) -> None:
        """End every link, agents included. The sessions stay in the journal."""
        await self._profile.close(STOP_GRACE_S)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=STOP_GRACE_S)
        await self._system.stop(STOP_GRACE_S)
        if self._storage is not None:
            await self.automations.close()
            await self._storage.close()
        await self._links.close()

    def show_in(self, meters: Meters) -> None:
        """Show how it fares, from ``start`` on."""
        watch_worker(meters, self._system, self._links, self._room, self.storage)

    @property
    def is_drained(self) -> bool:
        """Whether it was drained and holds nothing any more."""
        return self._draining and not self._hosted.ids() and not self.storage.leases.workspaces()

    def drain(self) -> None:
        """Take no more sessions; ``hand_over`` gives away those that are here."""
        self._draining = True

    def hand_over(self, deadline_s: float) -> None:
        """Let other workers go on with what is here, each workspace between two turns.

        To be called about once a second from when the capacity actor knows that this worker is draining:
        each time ``HAND_OVERS_AT_ONCE`` more go, so that those who take them up do it without a jam.
        """
        deadline = asyncio.get_running_loop().time() + deadline_s
        held = self.storage.leases.workspaces()
        self._going.intersection_update(held)
        staying = [key for key in held if key not in self._going]
        for key in staying[:HAND_OVERS_AT_ONCE] if deadline_s > 0 else held:
            workspace = self._system.find(ActorId("workspace", key))
            if workspace is not None:
                self._going.add(key)
                self._tell_holder(workspace, HandOver(deadline))

    def sessions(self) -> list[str]:
        """The ids of all sessions that are held here, or have a place."""
        return self._hosted.ids()

    @property
    def storage(self) -> Storage:
        """The worker's store; there from ``start`` on."""
        assert self._storage is not None
        return self._storage

    # ------------------------------------------------------------------ StorageListener

    def journal_pressed(self, pressed: bool) -> None:
        """The journal cannot keep up: no agent is read until it has."""
        for holder in self._hosted.all_holders():
            self._tell_holder(holder, Pressed(pressed))

    def journal_away(self, away: bool) -> None:
        """The journal's store is away, or back: whoever watches a session is told."""
        for holder in self._hosted.all_holders():
            self._tell_holder(holder, JournalAway(away))

    # ------------------------------------------------------------------ LinkHandler

    def link_open(self, channel: Channel, stream: int, session_id: str, greeting: dict[str, object]) -> None:
        """A client attaches: to a session that is made for it, or to one that is there."""
        try:
            told = Greeting(**greeting)  # type: ignore[arg-type] # the other end is ours and proved itself
        except TypeError:
            channel.send_close(stream, errors.InvalidRequestError("OPEN: not a greeting of this version"))
            return
        if (channel, stream) in self._streams:
            self.link_close(channel, stream, errors.InvalidRequestError("the stream was opened anew"))
        made = {"session/new": session_id, "session/fork": told.new_session_id}.get(told.method)
        witness_of = (made or session_id) if told.turns else ""
        attachment = Attachment(
            channel,
            stream,
            told.client,
            self._attachment_ended,
            Role(told.role),
            witness_of,
            wants_status=told.status,
        )
        self._streams[channel, stream] = _Stream(attachment, made or session_id)
        try:
            if made is not None:
                self._make(made, session_id, attachment, told)
            elif told.method in _ATTACH_MODES:
                self._attach(session_id, attachment, told)
            else:
                raise errors.MethodNotFoundError(f"{told.method} attaches nobody")
        except errors.LumiLinkError as error:
            attachment.end(error)

    def _make(self, made: str, session_id: str, attachment: Attachment, told: Greeting) -> None:
        """Take a place for a session that is to be made, and give it back if nobody can be told."""
        if made in self._hosted:
            raise errors.InvalidRequestError(f"session {made} is there already")
        if self._draining:
            raise errors.SessionMovedError("the worker is draining", 0.5)
        request = parse(told.request, max_bytes=len(told.request))
        hosted = self._hosted.reserve(made, told.installation, attachment)
        try:
            if told.method == "session/new":
                hosted.workspace = told.workspace_id
                around = surroundings_of(request)
                opening = OpenSession(
                    session_id, attachment, request, told.initialize, told.cwd, around, told.user
                )
                self._workspace(told.installation, told.workspace_id).tell(opening)
            else:
                holder = self._hosted.holder_of(session_id, told.installation)
                hosted.workspace = self._hosted.workspace_of(session_id)
                holder.tell(ForkSession(session_id, told.new_session_id, attachment, request))
        except errors.LumiLinkError as error:
            self._hosted.session_failed(made, error)

    def _attach(self, session_id: str, attachment: Attachment, told: Greeting) -> None:
        """Attach a client to a session that is here, or that the journal has."""
        request = parse(told.request, max_bytes=len(told.request))
        message = AttachSession(
            session_id,
            attachment,
            request,
            AttachMode(told.method),
            told.after_seq,
            told.reattach,
            tuple(told.pending),
        )
        hosted = self._hosted.get(session_id)
        if hosted is None and self._draining:
            raise errors.SessionMovedError("the worker is draining", 0.5)
        if hosted is None:
            hosted = self._hosted.reserve(session_id, told.installation)
            self._start(self._take_up(session_id, hosted, told.dead), "take up a session")
        if hosted.installation != told.installation:
            self._start(self._look_for_another_s(session_id, told.installation, attachment), "look for")
            return
        if hosted.opener is not None and hosted.holder is None:
            raise errors.SessionNotFoundError(f"no session {session_id}")
        if hosted.holder is None:
            self._hosted.wait(hosted, message)
        else:
            hosted.holder.tell(message)

    async def _look_for_another_s(self, session_id: str, installation: str, attachment: Attachment) -> None:
        """Answer for another tenant's session as for one that there is not: after a look into the journal.

        So how long it takes does not tell the one from the other. And whoever asks for another's session does
        not keep its owner from it: the session is there, as soon as the other has been told that it is not.
        """
        try:
            await self.storage.sessions.find(installation, session_id)
        except errors.LumiLinkError as error:
            attachment.end(error)
        else:
            attachment.end(errors.SessionMovedError("the session is being looked for", 0.1))

    async def _take_up(self, session_id: str, hosted: Hosted, dead: str) -> None:
        """Find a session in the journal and have its workspace go on with it."""
        installation = hosted.installation
        try:
            stored = await self.storage.sessions.find(installation, session_id)
            hosted.workspace = stored.record.workspace_id
            meters().count(TAKEN_UP, "worker-died" if dead else "other")
            self._workspace(installation, stored.record.workspace_id).tell(TakeUpSession(stored, dead))
        except errors.LumiLinkError as error:
            self._hosted.session_failed(session_id, error)

    def _start(self, work: Coroutine[object, object, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _workspace(self, installation: str, workspace_id: str) -> ActorRef:
        key = WorkspaceName(installation, workspace_id).key
        return self._system.get_or_spawn(
            ActorId("workspace", key),
            lambda: WorkspaceActor(
                installation,
                workspace_id,
                self._settings.connection,
                self._hosted,
                self.storage.sessions,
                self.storage.leases,
                self._room,
                self.desk.protocols,
                self.automations.automation,
            ),
            ActorOptions(idle_after_s=WORKSPACE_IDLE_S),
        )

    def _attachment_ended(self, attachment: Attachment) -> None:
        """The session's side ended a view: neither we nor the session know it any more."""
        key = (attachment.channel, attachment.stream)
        view = self._streams.get(key)
        if view is not None and view.attachment is attachment:
            del self._streams[key]
            self._tell(view.session_id, Detach(view.session_id, attachment))

    def link_data(self, channel: Channel, stream: int, message: bytes, seq: int) -> None:
        """A message of a client goes to the mailbox of its session's connection actor."""
        view = self._streams.get((channel, stream))
        held = self._hosted.get(view.session_id) if view is not None else None
        if view is None or held is None:
            return
        if held.holder is None:
            _while_opening(view.attachment, message)
            return
        try:
            held.holder.tell(ClientFrame(view.session_id, view.attachment, message))
        except errors.ActorStoppedError:
            # It lets go of its session, to another worker or to its next life: who attaches again finds it.
            view.attachment.end(errors.SessionMovedError("the session is being let go here"))
        except errors.LumiLinkError as error:
            view.attachment.end(error)

    def link_answer(self, channel: Channel, stream: int, request_id: object, message: bytes) -> None:
        """Only workers answer; a replica that does is told nothing."""
        log.debug("answer from a replica on stream %d ignored", stream)

    def link_credit(self, channel: Channel, stream: int, frames: int, size: int) -> None:
        """A client took what it was sent; if it had fallen behind it reads on."""
        view = self._streams.get((channel, stream))
        if view is None:
            return
        if view.attachment.is_lagging:
            self._tell(view.session_id, Credit(view.session_id, view.attachment, frames, size))
        else:
            view.attachment.grant(frames, size)

    def link_close(self, channel: Channel, stream: int, error: errors.LumiLinkError) -> None:
        """A client left; its session goes on."""
        view = self._streams.pop((channel, stream), None)
        if view is not None:
            view.attachment.leave()
            self._tell(view.session_id, Detach(view.session_id, view.attachment))

    def link_writable(self, channel: Channel) -> None:
        """A congested link takes data again: who fell behind reads on."""
        for (owner, _), view in self._streams.items():
            if owner is channel and view.attachment.is_lagging:
                self._tell(view.session_id, Credit(view.session_id, view.attachment, 0, 0))

    def link_lost(self, channel: Channel, error: errors.LinkBrokenError) -> None:
        """A replica is gone, and with it all its clients' views."""
        for owner, stream in [key for key in self._streams if key[0] is channel]:
            self.link_close(owner, stream, error)

    async def link_call(self, channel: Channel, method: str, arguments: dict[str, object]) -> object:
        """Answer a replica's question."""
        if method == "profile":
            return await self._profile.get()
        if method == "sessions":
            return await self.inquiries.describe(str(arguments["installation"]))
        raise errors.MethodNotFoundError(f"links have no call {method}")

    def link_moved(self, channel: Channel, stream: int, life: str) -> None:
        """Only workers send views elsewhere."""
        log.debug("a replica's word on where stream %d is, ignored", stream)

    def _tell(self, session_id: str, message: object) -> None:
        """Tell a session's holder what must not get lost: where its mailbox is full, a little later."""
        hosted = self._hosted.get(session_id)
        if hosted is not None and hosted.holder is not None:
            self._tell_holder(hosted.holder, message)

    def _tell_holder(self, holder: ActorRef, message: object) -> None:
        try:
            holder.tell(message)
        except errors.MailboxFullError:
            asyncio.get_running_loop().call_later(RETRY_S, self._tell_holder, holder, message)
        except errors.ActorStoppedError as error:
            log.debug("%s for a session that just ended: %s", type(message).__name__, error)

    # ------------------------------------------------------------------ what it says of itself

    def report(self) -> WorkerReport:
        """What capacity and the topology are told of this worker, since the last time that it was asked."""
        assert self.address is not None
        settings = self._settings
        return WorkerReport(
            worker_id=settings.worker_id,
            life=self.storage.life,
            host=self.address.host,
            port=self.address.port,
            pid=os.getpid(),
            node=self._settings.host,
            capacity=settings.capacity,
            rss_bytes=psutil.Process().memory_info().rss,
            sessions=self._hosted.owners(),
            ended=self._hosted.take_ended(),
            draining=self._draining,
        )


def _while_opening(attachment: Attachment, frame: bytes) -> None:
    """All that a client can say of a session whose id it has not been told yet is that it gives it up."""
    try:
        message = parse(frame, max_bytes=len(frame))
    except errors.ProtocolFault as error:
        log.debug("a client spoke before its session was there: %s", error)
        return
    if message.method == "$/cancel_request":
        attachment.end(errors.RequestCancelledError("cancelled before the session was ready"))


def _move(attachment: Attachment, life: str) -> None:
    """The view goes on at another worker."""
    if not attachment.gone:
        attachment.give_way()
        attachment.channel.send_moved(attachment.stream, life)
