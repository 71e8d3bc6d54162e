"""The sockets of ``/runner``: that of a worker that asks for an agent, and that of the runner that has it."""

from __future__ import annotations

import asyncio
import hmac
import logging
from hashlib import sha256
from typing import Final

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from actors import errors
from actors.jobs.models import Job, NewJob
from actors.jobs.states import JobStatus
from actors.jobs.store import Terms
from actors.records.models.values import is_storable
from actors.runner_link.secret import runner_token
from serve.ingress import guard
from serve.problem import CLOSE_REFUSED, refuse
from serve.reporting.jobs import happenings
from serve.reporting.jobs.desk import arrivals, desk
from serve.reporting.origin import rules
from serve.reporting.runners.meeting import Meeting, Meetings, Receive, Send
from serve.reporting.telling import outbox
from serve.rights import Right, demand, identify

log = logging.getLogger("lumilink.runners")

SESSION: Final = "session"
"""The type of the jobs that are sessions."""
TERMS: Final = Terms(lease_s=60, max_attempts=1)
CLOSE_NORMAL: Final = 1000
CLOSE_PROTOCOL: Final = 1002


class _Place:
    """What this process has: its meetings, and the secret that its workers know."""

    def __init__(self) -> None:
        self.meetings = Meetings()
        self.secret = ""


_place: Final = _Place()


def use(secret: str) -> None:
    """Take workers that know this secret."""
    _place.secret = secret


async def serve_worker(socket: WebSocket) -> None:
    """A worker asks for an agent at a runner: queue a session for it, and be its agent."""
    try:
        _check_worker(socket)
        installation = socket.path_params["installation"]
        job = await _queue(installation, socket.path_params["name"])
    except errors.LumiLinkError as error:
        await refuse(socket, error)
        return
    meeting = Meeting(job.job_id)
    reason = "the gateway has let the agent go"
    try:
        async with _place.meetings.held(meeting):
            await socket.accept()
            # Only now: a runner that is fast would not find the meeting.
            arrivals().came(installation, job.agent_id)
            try:
                reason = await meeting.serve_worker(_receive_of(socket), _send_of(socket))
            finally:
                # Serve cancels whoever serves a socket that has gone; the runner is to hear of it.
                await asyncio.shield(meeting.close(reason))
    except errors.MailboxFullError as error:
        await refuse(socket, error)
        return
    finally:
        await asyncio.shield(_let_go(installation, job))
    await _close(socket, CLOSE_NORMAL, reason)


async def serve_runner(socket: WebSocket) -> None:
    """The runner that has taken a session's job brings its agent."""
    now = rules()
    why = guard.refusal(dict(socket.scope["headers"]), now.allowed_hosts, now.allowed_origins)
    if why is not None:
        await socket.close(CLOSE_REFUSED, why)
        return
    try:
        meeting = await _meeting_of(socket)
    except errors.LumiLinkError as error:
        await refuse(socket, error)
        return
    await socket.accept()
    try:
        await meeting.serve_runner(_receive_of(socket), _send_of(socket))
    except errors.AgentProtocolError as error:
        await _close(socket, CLOSE_PROTOCOL, error.detail)
    except (WebSocketDisconnect, TimeoutError, OSError, RuntimeError) as error:
        log.debug("a runner's socket ended: %s", type(error).__name__)
    else:
        await _close(socket, CLOSE_NORMAL, "")


async def _meeting_of(socket: WebSocket) -> Meeting:
    """Whoever brings the agent must hold the job: it is a fence here as well."""
    identity = await identify(socket)
    demand(identity, Right.JOBS_RUN)
    job_id, run_id = socket.path_params["jobId"], socket.query_params.get("run", "")
    if not is_storable(job_id):
        raise errors.RecordNotFoundError("there is no job of this jobId")
    async with desk() as at:
        job = await at.jobs.get(identity.installation, job_id)
        await at.runners.spoken_for(identity.installation, job.agent_id, identity.user)
    if job.job_run_id != run_id or job.status is not JobStatus.RUNNING:
        raise errors.ConflictError("the run is not the job's any more")
    return _place.meetings.find(job_id)


def _check_worker(socket: WebSocket) -> None:
    """Raises AuthenticationError for anybody but a worker of this gateway."""
    shown = socket.headers.get("authorization", "")
    wanted = f"Bearer {runner_token(_place.secret)}"
    digests = (sha256(text.encode()).digest() for text in (shown, wanted))
    if not _place.secret or not hmac.compare_digest(*digests):
        raise errors.AuthenticationError("this is for the workers of the gateway")


async def _queue(installation: str, name: str) -> Job:
    """Raises RecordNotFoundError and ConflictError where there is no such runner, or it is switched off."""
    async with desk() as at:
        runner = await at.runners.named(installation, name)
        wanted = NewJob(job_type=SESSION, agent_id=runner.agent_id)
        return await at.jobs.create(installation, wanted, "", TERMS)


async def _let_go(installation: str, job: Job) -> None:
    """A session that no runner has taken is not to be taken any more; one that has it says how it ended."""
    try:
        async with desk() as at:
            now = await at.jobs.get(installation, job.job_id)
            if now.status is JobStatus.QUEUED:
                cancelled, _ = await at.jobs.cancel(installation, job.job_id)
                outbox().put([happenings.ended(installation, cancelled)])
    except errors.LumiLinkError as error:
        log.warning("the job of a session that has ended waits on: %s", error)


def _receive_of(socket: WebSocket) -> Receive:
    async def receive() -> bytes | None:
        while True:
            event = await socket.receive()
            if event["type"] == "websocket.disconnect":
                return None
            text = event.get("text")
            if text is not None:
                return str(text).encode()

    return receive


def _send_of(socket: WebSocket) -> Send:
    async def send(frame: bytes) -> None:
        await socket.send_text(frame.decode())

    return send


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    try:
        async with asyncio.timeout(1.0):
            await socket.close(code, reason[:100])
    except (TimeoutError, OSError, RuntimeError, WebSocketDisconnect) as error:
        log.debug("a socket was gone already: %s", type(error).__name__)


ROUTES: Final = [
    WebSocketRoute("/runner/agents/{installation}/{name}", serve_worker),
    WebSocketRoute("/runner/{jobId}", serve_runner),
]
