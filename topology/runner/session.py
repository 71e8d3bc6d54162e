"""One session at a runner: its agent, a process of ours, and its line to the gateway."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from actors import errors
from actors.agents.dial import dial
from actors.agents.link import AgentLink, DialOptions, LinkClosed
from actors.agents.target import AgentTarget
from actors.jobs.models import Assignment
from actors.runner_link.line import Line
from topology.connect.backoff import delays
from topology.connect.gateway_socket import GatewaySocket
from topology.runner.gateway import RunnerGateway

log = logging.getLogger("lumilink.runner")

CONNECT_S: Final = 10.0
GREET_S: Final = 10.0
COME_BACK_S: Final = 60.0
"""How long a gateway that does not answer is tried until the agent is given up."""
AGAIN_S: Final = 0.05
COMPLETE_S: Final = 60.0
_REFUSED: Final = ("HTTP 400", "HTTP 401", "HTTP 403", "HTTP 404", "HTTP 409")


@dataclass(frozen=True, slots=True)
class AgentCommand:
    """What is run for a session, where, and with which environment, whose values may be secrets."""

    command: tuple[str, ...]
    cwd: str
    environment: Mapping[str, str] = field(repr=False)

    @property
    def target(self) -> AgentTarget:
        """As what it is dialled."""
        return AgentTarget.of_command(self.command)


class _Socket:
    """One socket of the line. Frames are few: the other side says no more than the line lets it."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._socket = GatewaySocket(self)

    async def open(self, target: AgentTarget) -> None:
        """Raises AgentUnreachableError."""
        await self._socket.open(target, CONNECT_S)

    async def send(self, frame: bytes) -> None:
        self._socket.send(frame)

    async def close(self) -> None:
        await self._socket.close()

    def gateway_frame(self, frame: bytes) -> None:
        """See ``SocketOwner``."""
        self.frames.put_nowait(frame)

    def gateway_lost(self, why: str) -> None:
        """See ``SocketOwner``."""
        log.debug("the line was cut: %s", why)
        self.frames.put_nowait(None)


class SessionRun:
    """Runs one session to its end. It is its agent's listener."""

    def __init__(
        self, gateway: RunnerGateway, job: Assignment, command: AgentCommand, on_line: Callable[[str], None]
    ) -> None:
        self._gateway = gateway
        self._job = job
        self._command = command
        self._on_line = on_line
        self._line = Line(self._has_room)
        self._agent: AgentLink | None = None
        self._status, self._error = "COMPLETED", ""
        self._is_over = False

    async def run(self) -> None:
        """Have the agent and the gateway talk until either ends it, then say how it ended."""
        leasing = asyncio.get_running_loop().create_task(self._keep_lease())
        try:
            await self._serve()
        except errors.LumiLinkError as error:
            self._fail(error.detail)
        finally:
            leasing.cancel()
            if self._agent is not None:
                await self._agent.close()
        await self._complete()

    def stop(self) -> None:
        """End it: the runner stops."""
        if self._line.reason is None:
            self._status, self._error = "CANCELLED", "the runner stops"
        self._line.end("the runner stops")

    # ------------------------------------------------------------------ the line

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        pauses, last_seen = delays(0.1, 3.0), loop.time()
        while not self._is_over:
            socket = _Socket()
            try:
                await socket.open(self._gateway.line_of(self._job))
            except errors.AgentUnreachableError as error:
                if error.detail.endswith(_REFUSED) or loop.time() - last_seen > COME_BACK_S:
                    self._fail(error.detail)
                    return
                await asyncio.sleep(next(pauses))
                continue
            try:
                await self._talk(socket)
            finally:
                await socket.close()
            pauses, last_seen = delays(0.1, 3.0), loop.time()

    async def _talk(self, socket: _Socket) -> None:
        """On one socket, until it is cut or the line has ended."""
        await socket.send(self._line.greeting())
        try:
            async with asyncio.timeout(GREET_S):
                greeting = await socket.frames.get()
        except TimeoutError:
            return
        if greeting is None:
            return
        after = self._line.greeted(greeting)
        if self._agent is None:
            await self._start()
        loop = asyncio.get_running_loop()
        hearing = loop.create_task(self._hear(socket))
        writing = loop.create_task(self._line.write(socket.send, after))
        tasks = {hearing, writing}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        has_said_end = self._line.reason is not None and writing.done() and not writing.cancelled()
        self._is_over = self._line.heard_end or has_said_end
        for result in results:
            if isinstance(result, errors.LumiLinkError):
                raise result

    async def _hear(self, socket: _Socket) -> None:
        while (frame := await socket.frames.get()) is not None:
            await self._line.hear(frame, self._to_agent)
            if self._line.heard_end:
                return

    # ------------------------------------------------------------------ the agent

    async def _start(self) -> None:
        """Raises AgentStartError."""
        command = self._command
        options = DialOptions(cwd=command.cwd, env=command.environment)
        self._agent = await dial(command.target, self, options)

    async def _to_agent(self, message: bytes) -> None:
        while self._agent is not None:
            try:
                self._agent.send(message)
                return
            except errors.MailboxFullError:
                await asyncio.sleep(AGAIN_S)
            except (errors.AgentClosedError, errors.FrameTooLargeError) as error:
                log.warning("a message did not reach the agent: %s", error)
                return

    def _has_room(self) -> None:
        if self._agent is not None:
            self._agent.resume_reading()

    def agent_frame(self, frame: bytes) -> None:
        """See ``AgentListener``."""
        self._line.push(frame)
        if self._line.is_full and self._agent is not None:
            self._agent.pause_reading()

    def agent_log(self, line: str) -> None:
        """See ``AgentListener``."""
        self._on_line(line)

    def agent_closed(self, closed: LinkClosed) -> None:
        """See ``AgentListener``."""
        if not closed.clean and self._line.reason is None:
            self._fail(closed.reason)

    # ------------------------------------------------------------------ the job

    async def _keep_lease(self) -> None:
        while True:
            try:
                await self._gateway.keep(self._job)
            except errors.GatewayUnreachableError as error:
                log.debug("the lease is not kept: %s", error)
            except errors.LumiLinkError as error:
                self._fail(error.detail)
                return
            await asyncio.sleep(self._job.lease_s / 4)

    async def _complete(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(COMPLETE_S):
                for pause in delays(0.2, 5.0):
                    try:
                        await self._gateway.complete(self._job, self._status, self._error)
                        return
                    except errors.GatewayUnreachableError:
                        await asyncio.sleep(pause)
                    except errors.LumiLinkError as error:
                        # Cancelled, or lost to another: that is how it ended.
                        log.info("job %s: %s", self._job.job_id, error)
                        return

    def _fail(self, why: str) -> None:
        if self._line.reason is None and self._status == "COMPLETED":
            self._status, self._error = "FAILED", why
        self._line.end(why)
