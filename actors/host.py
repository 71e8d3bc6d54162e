"""The inside of a worker: the actors of up to 1,000 sessions, reached over links. Knows no Ray."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from urllib.parse import quote

import psutil

from actors import errors
from actors.agents.inherited import inherited_environment
from actors.agents.link import DialOptions
from actors.agents.probe import AgentProfile, probe
from actors.capacity.ledger import WorkerReport
from actors.connection.attachment import Attachment
from actors.connection.messages import (
    AttachMode,
    AttachSession,
    ClientFrame,
    ConnectionSettings,
    Credit,
    DescribeSessions,
    Detach,
    ForkSession,
    OpenSession,
    SessionSummary,
)
from actors.kernel.identity import ActorId
from actors.kernel.options import ActorOptions
from actors.kernel.ref import ActorRef
from actors.kernel.system import ActorSystem
from actors.link.channel import Channel
from actors.link.endpoint import LinkAddress, LinkServer
from actors.link.greeting import Greeting
from actors.protocol.envelope import parse
from actors.workspace.actor import WorkspaceActor

log = logging.getLogger("lumilink.worker")

WORKSPACE_IDLE_S = 60.0
PROFILE_TTL_S = 300.0
DESCRIBE_DEADLINE_S = 2.0
STOP_GRACE_S = 10.0
RETRY_S = 0.05

_ATTACH_MODES = frozenset(AttachMode)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker is told when it is made."""

    worker_id: str
    host: str
    secret: str = field(repr=False)
    capacity: int
    connection: ConnectionSettings


@dataclass(slots=True)
class _Held:
    """A session of this worker. Without a ``holder`` it is still being made, and only its place is taken."""

    installation: str
    holder: ActorRef | None = None


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
        self._held: dict[str, _Held] = {}
        self._ended: list[str] = []
        self._streams: dict[tuple[Channel, int], _Stream] = {}
        self._profile: asyncio.Task[AgentProfile] | None = None
        self._profile_at = 0.0
        self.address: LinkAddress | None = None

    async def start(self) -> LinkAddress:
        """Accept links; returns where."""
        self.address = await self._links.listen(self._settings.host)
        gc.collect()
        # What lives from here on lives as long as the process: the collector need not look at it again.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        return self.address

    async def stop(self) -> None:
        """End every session and link, agents included."""
        if self._profile is not None:
            self._profile.cancel()
            await asyncio.wait((self._profile,), timeout=STOP_GRACE_S)
        await self._system.stop(STOP_GRACE_S)
        await self._links.close()

    def sessions(self) -> list[str]:
        """The ids of all sessions that are held here, or are being made."""
        return list(self._held)

    # ------------------------------------------------------------------ SessionDirectory

    def session_opened(self, session_id: str, holder: ActorRef) -> None:
        """A connection actor holds the session now."""
        held = self._held.get(session_id)
        if held is not None:
            held.holder = holder

    def session_closed(self, session_id: str) -> None:
        """The session is gone, or could not be opened."""
        if self._held.pop(session_id, None) is not None:
            self._ended.append(session_id)

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
        attachment = Attachment(channel, stream, told.client, self._attachment_ended)
        made = {"session/new": session_id, "session/fork": told.new_session_id}.get(told.method)
        self._streams[channel, stream] = _Stream(attachment, made or session_id)
        try:
            if made is None:
                self._hand_over(session_id, attachment, told)
            else:
                self._make(made, session_id, attachment, told)
        except errors.LumiLinkError as error:
            attachment.end(error)

    def _make(self, made: str, session_id: str, attachment: Attachment, told: Greeting) -> None:
        """Take a place for a session that is to be made, and give it back if nobody can be told."""
        if made in self._held:
            raise errors.InvalidRequestError(f"session {made} is there already")
        if len(self._held) >= self._settings.capacity:
            raise errors.CapacityError(
                f"the worker holds {self._settings.capacity} sessions, as many as it may"
            )
        self._held[made] = _Held(told.installation)
        try:
            self._hand_over(session_id, attachment, told)
        except errors.LumiLinkError:
            self.session_closed(made)
            raise

    def _hand_over(self, session_id: str, attachment: Attachment, told: Greeting) -> None:
        request = parse(told.request, max_bytes=len(told.request))
        if told.method == "session/new":
            opening = OpenSession(session_id, attachment, request, told.initialize, told.cwd)
            self._workspace(told.installation, told.workspace_id).tell(opening)
            return
        holder = self._holder(session_id, told.installation)
        if told.method == "session/fork":
            holder.tell(ForkSession(session_id, told.new_session_id, attachment, request))
        elif told.method in _ATTACH_MODES:
            mode = AttachMode(told.method)
            holder.tell(AttachSession(session_id, attachment, request, mode, told.after_seq))
        else:
            raise errors.MethodNotFoundError(f"{told.method} attaches nobody")

    def _workspace(self, installation: str, workspace_id: str) -> ActorRef:
        return self._system.get_or_spawn(
            # Quoted, so that no two tenants meet in one actor whatever they are called.
            ActorId("workspace", f"{quote(installation, safe='')}/{workspace_id}"),
            lambda: WorkspaceActor(self._settings.connection, self, installation, workspace_id),
            ActorOptions(idle_after_s=WORKSPACE_IDLE_S),
        )

    def _holder(self, session_id: str, installation: str) -> ActorRef:
        """Who holds a session. One of another tenant, or that is still being made, is not there."""
        held = self._held.get(session_id)
        if held is None or held.holder is None or held.installation != installation:
            raise errors.SessionNotFoundError(f"no session {session_id}")
        return held.holder

    def _attachment_ended(self, attachment: Attachment) -> None:
        """The session's side ended a view: neither we nor the session know it any more."""
        key = (attachment.channel, attachment.stream)
        view = self._streams.get(key)
        if view is not None and view.attachment is attachment:
            del self._streams[key]
            self._tell(view.session_id, Detach(view.session_id, attachment))

    def link_data(self, channel: Channel, stream: int, message: bytes) -> None:
        """A message of a client goes to the mailbox of its session's connection actor."""
        view = self._streams.get((channel, stream))
        held = self._held.get(view.session_id) if view is not None else None
        if view is None or held is None:
            return
        if held.holder is None:
            _while_opening(view.attachment, message)
            return
        try:
            held.holder.tell(ClientFrame(view.session_id, view.attachment, message))
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
            return await self._agent_profile()
        if method == "sessions":
            return await self._describe(str(arguments["installation"]))
        raise errors.MethodNotFoundError(f"links have no call {method}")

    def _tell(self, session_id: str, message: object) -> None:
        """Tell a session's holder what must not get lost: where its mailbox is full, a little later."""
        held = self._held.get(session_id)
        if held is None or held.holder is None:
            return
        try:
            held.holder.tell(message)
        except errors.MailboxFullError:
            asyncio.get_running_loop().call_later(RETRY_S, self._tell, session_id, message)
        except errors.ActorStoppedError as error:
            log.debug("%s for a session that just ended: %s", type(message).__name__, error)

    # ------------------------------------------------------------------ questions of replicas

    async def _agent_profile(self) -> bytes:
        """The agent's ``initialize`` result, asked once by all who want it and kept for five minutes."""
        now = asyncio.get_running_loop().time()
        task = self._profile
        failed = task is not None and task.done() and (task.cancelled() or task.exception() is not None)
        if task is None or failed or now - self._profile_at > PROFILE_TTL_S:
            settings = self._settings.connection
            env = inherited_environment(settings.agent_environment)
            options = DialOptions(env=env, max_frame_bytes=settings.max_frame_bytes)
            found = probe(settings.target, options, {}, settings.agent_start_timeout_s)
            task = asyncio.ensure_future(found)
            self._profile, self._profile_at = task, now
        return (await asyncio.shield(task)).initialize_result

    async def _describe(self, installation: str) -> list[dict[str, object]]:
        holders = {one.holder for one in self._held.values() if one.installation == installation}
        found = await asyncio.gather(*(_summaries(holder) for holder in holders if holder is not None))
        return [asdict(summary) for summaries in found for summary in summaries]

    def report(self) -> WorkerReport:
        """What capacity and the topology are told of this worker, since the last time that it was asked."""
        assert self.address is not None
        settings = self._settings
        ended, self._ended = self._ended, []
        return WorkerReport(
            worker_id=settings.worker_id,
            host=self.address.host,
            port=self.address.port,
            pid=os.getpid(),
            node=self._settings.host,
            capacity=settings.capacity,
            rss_bytes=psutil.Process().memory_info().rss,
            sessions=self.sessions(),
            ended=ended,
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


async def _summaries(holder: ActorRef) -> list[SessionSummary]:
    try:
        summaries = await holder.ask(DescribeSessions(), DESCRIBE_DEADLINE_S)
    except errors.LumiLinkError as error:
        log.debug("a session could not be described: %s", error)
        return []
    assert isinstance(summaries, list)
    return summaries
