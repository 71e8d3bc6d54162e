"""An ``AgentLink`` to an agent that has only AgentAPI: it answers ACP itself, out of that API.

A server holds one conversation, so a link holds one session. Requests are served one after the other, in
their order; ``session/cancel`` goes past the queue. One task serves them, one listens to the event stream.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Final

from actors.agents.agentapi.activity import Activity
from actors.agents.agentapi.answers import capabilities_of, new_session_result
from actors.agents.agentapi.client import AgentApiClient, open_agentapi
from actors.agents.agentapi.conversation import Conversation, Piece
from actors.agents.agentapi.events import USER, AgentEvent, AgentFault, AgentStatus, Said, StatusChange
from actors.agents.agentapi.patience import Patience
from actors.agents.agentapi.prompt import body_of
from actors.agents.agentapi.stream import EventStream
from actors.agents.agentapi.turn import Prompt, Turn
from actors.agents.link import AgentListener, DialOptions, LinkClosed
from actors.agents.outbound import ensure_room
from actors.agents.target import AgentTarget
from actors.errors import (
    AgentCapabilityError,
    AgentClosedError,
    AgentTimeoutError,
    LumiLinkError,
    MailboxFullError,
    MethodNotFoundError,
    SessionNotFoundError,
)
from actors.protocol import compose
from actors.protocol.envelope import Envelope, MessageKind, params_of, parse
from actors.protocol.models import NewSessionParams, PromptParams, SessionParams
from actors.protocol.upload import UPLOAD, UploadParams

UPLOAD_S: Final = 60.0
_MAX_WAITING: Final = 64
_SERVED: Final = frozenset({"initialize", "session/new", "session/resume", "session/prompt"})


async def dial_agentapi(
    target: AgentTarget, listener: AgentListener, options: DialOptions, patience: Patience | None = None
) -> AgentApiLink:
    """Reach the agent's server; raises AgentUnreachableError where nothing listens."""
    client = await open_agentapi(target, options)
    return AgentApiLink(client, listener, options, patience or Patience())


@dataclass(frozen=True, slots=True)
class _Job:
    request: Envelope
    prompt: Prompt | None


class AgentApiLink:
    """An ``AgentLink`` over AgentAPI. Made by ``dial_agentapi``."""

    def __init__(
        self, client: AgentApiClient, listener: AgentListener, options: DialOptions, patience: Patience
    ) -> None:
        self._client = client
        self._listener = listener
        self._options = options
        self._patience = patience
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue(_MAX_WAITING)
        self._unserved_bytes = 0
        self._prompts: list[Prompt] = []
        self._activity = Activity()
        self._conversation = Conversation("")
        self._stream = EventStream(
            client, self._hear, options.max_frame_bytes, options.idle_timeout_s, patience
        )
        self._about: AgentStatus | None = None
        self._session_id = ""
        self._redraw: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed_by_us = False
        self._cleaning: asyncio.Task[None] | None = None
        self._spawn(self._serve())

    # -- AgentLink -----------------------------------------------------------------------------------

    def send(self, frame: bytes) -> None:
        """Queue one message; see ``AgentLink.send``."""
        if self._cleaning is not None:
            raise AgentClosedError("the link to the agent has ended")
        ensure_room(len(frame), self._unserved_bytes, self._options.max_frame_bytes)
        message = parse(frame, max_bytes=self._options.max_frame_bytes)
        if message.method == "session/cancel":
            self._cancel(message)
        elif message.method == UPLOAD and message.kind is MessageKind.REQUEST:
            # It need not wait for a turn's end, which an upload may be meant for.
            self._unserved_bytes += len(frame)
            self._spawn(self._upload(message))
        elif message.kind is MessageKind.REQUEST:
            self._take(message)

    def pause_reading(self) -> None:
        """Take nothing more from the event stream. A server that is held for long cuts it off."""
        self._stream.pause()

    def resume_reading(self) -> None:
        """Read again; what the server cut off is asked for anew."""
        self._stream.resume()

    async def close(self) -> None:
        """End the link, within ``stop_grace_s``. The agent and its conversation stay."""
        if self._cleaning is None:
            self._closed_by_us = True
            self._end("closed by us")
        assert self._cleaning is not None
        await asyncio.shield(self._cleaning)

    # -- requests ------------------------------------------------------------------------------------

    def _take(self, request: Envelope) -> None:
        try:
            self._check(request)
            prompt = None
            if request.method == "session/prompt":
                prompt = Prompt(*body_of(params_of(request, PromptParams).prompt))
        except LumiLinkError as error:
            asyncio.get_running_loop().call_soon(self._refuse, request, error)
            return
        try:
            self._jobs.put_nowait(_Job(request, prompt))
        except asyncio.QueueFull:
            raise MailboxFullError(f"{_MAX_WAITING} requests wait for the agent") from None
        self._unserved_bytes += len(request.frame)
        if prompt is not None:
            self._prompts.append(prompt)

    def _check(self, request: Envelope) -> None:
        """Refuse at once what would otherwise wait for the end of a turn only to be refused."""
        if request.method not in _SERVED:
            raise MethodNotFoundError(f"{request.method}: this agent has only AgentAPI, which knows no such")
        if request.method in ("session/new", "session/resume") and self._session_id:
            raise _one_session()

    def _cancel(self, message: Envelope) -> None:
        if message.session_id == self._session_id:
            for prompt in self._prompts:
                prompt.cancelled.set()
            self._activity.ring()

    async def _serve(self) -> None:
        while True:
            job = await self._jobs.get()
            try:
                result = await self._result(job)
            except AgentClosedError:
                raise
            except LumiLinkError as error:
                self._refuse(job.request, error)
            else:
                self._deliver(compose.response(job.request.echo_id, result))
            finally:
                self._unserved_bytes -= len(job.request.frame)
                if job.prompt is not None:
                    self._prompts.remove(job.prompt)

    async def _result(self, job: _Job) -> object:
        request = job.request
        if job.prompt is not None:
            self._check_session(params_of(request, SessionParams).session_id)
            return {"stopReason": await self._turn().run(job.prompt)}
        if request.method == "initialize":
            return await self._initialize()
        if request.method == "session/new":
            return await self._begin(params_of(request, NewSessionParams))
        return await self._resume(params_of(request, SessionParams).session_id)

    async def _upload(self, request: Envelope) -> None:
        try:
            params = params_of(request, UploadParams)
            self._check_session(params.session_id)
            path = await self._client.upload(params.name, params.data, UPLOAD_S)
        except LumiLinkError as error:
            self._refuse(request, error)
        else:
            self._deliver(compose.response(request.echo_id, {"filePath": path}))
        finally:
            self._unserved_bytes -= len(request.frame)

    async def _initialize(self) -> object:
        try:
            self._about = await self._client.status(self._options.connect_timeout_s)
        except AgentTimeoutError:
            pass  # a turn is under way that is not ours
        except LumiLinkError as error:
            raise AgentClosedError(error.detail) from None
        return capabilities_of(self._about)

    async def _begin(self, params: NewSessionParams) -> object:
        known = await self._client.messages(self._patience.answer_s)
        if any(said.role == USER for said in known):
            raise _one_session()
        self._attach(f"agentapi-{secrets.token_hex(8)}", known)
        return new_session_result(self._session_id, params)

    async def _resume(self, session_id: str) -> object:
        """The conversation is the server's, and goes on unless the server was started anew meanwhile."""
        known = await self._client.messages(self._patience.answer_s)
        if not any(said.role == USER for said in known):
            raise SessionNotFoundError(f"the agent has no conversation that could be {session_id}")
        self._attach(session_id, known)
        return {}

    def _attach(self, session_id: str, known: Sequence[Said]) -> None:
        if self._session_id:
            raise _one_session()
        self._session_id = session_id
        self._conversation = Conversation(secrets.token_hex(4), is_screen=self._has_terminal)
        for said in known:
            self._conversation.adopt(said)
        self._spawn(self._stream.run())

    def _check_session(self, session_id: str) -> None:
        if not self._session_id or session_id != self._session_id:
            raise SessionNotFoundError(f"this link has no session {session_id}")

    @property
    def _has_terminal(self) -> bool:
        return self._about is not None and self._about.transport == "pty"

    def _turn(self) -> Turn:
        return Turn(
            self._client,
            self._activity,
            self._conversation,
            self._show,
            self._stream.refresh,
            self._patience,
            has_terminal=self._has_terminal,
        )

    # -- from the agent ------------------------------------------------------------------------------

    def _hear(self, event: AgentEvent) -> None:
        match event:
            case Said():
                self._show(self._conversation.hear(event))
                self._plan_redraw()
            case StatusChange():
                self._activity.note(event.status)
            case AgentFault():
                if event.level == "error":
                    self._activity.fail(event.text)
                self._show([*self._conversation.flush(), self._conversation.fault(event)])

    def _plan_redraw(self) -> None:
        if self._conversation.is_holding and self._redraw is None:
            self._redraw = asyncio.get_running_loop().call_later(self._patience.redraw_s, self._draw_again)

    def _draw_again(self) -> None:
        self._redraw = None
        self._show(self._conversation.tick())
        self._plan_redraw()

    def _show(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            params = {"sessionId": self._session_id, "update": piece.update()}
            self._deliver(compose.notification("session/update", params))

    def _refuse(self, request: Envelope, error: LumiLinkError) -> None:
        self._deliver(compose.error_response(request.echo_id, error))

    def _deliver(self, frame: bytes) -> None:
        if self._cleaning is None:
            self._listener.agent_frame(frame)

    # -- the end -------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._until_the_end(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _until_the_end(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except LumiLinkError as error:
            self._end(error.detail)
        except Exception as error:
            self._end(f"the link failed ({type(error).__name__})")
            raise

    def _end(self, reason: str) -> None:
        if self._cleaning is None:
            self._cleaning = asyncio.get_running_loop().create_task(self._leave_nothing_behind())
            self._listener.agent_closed(LinkClosed(reason, clean=self._closed_by_us))

    async def _leave_nothing_behind(self) -> None:
        if self._redraw is not None:
            self._redraw.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._client.close()


def _one_session() -> LumiLinkError:
    return AgentCapabilityError(
        "the agent's container holds one conversation, and has begun it: "
        "another session needs a container of its own"
    )
