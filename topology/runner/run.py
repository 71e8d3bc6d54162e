"""``lumilink agent`` as a process: registers, asks for sessions, runs them, and drains when it is stopped."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import click

from actors import errors
from actors.jobs.models import Assignment
from topology.connect.backoff import delays
from topology.runner.gateway import RunnerGateway
from topology.runner.loglines import LogLines
from topology.runner.session import AgentCommand, SessionRun

log = logging.getLogger("lumilink.runner")

SESSION: Final = "session"
MAX_AT_ONCE: Final = 10
END_S: Final = 15.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """``drain_s`` is how long sessions may go on after the runner was told to stop."""

    name: str
    command: AgentCommand
    max_sessions: int
    drain_s: float


class RunnerProcess:
    """One runner."""

    def __init__(self, gateway: RunnerGateway, settings: RunnerSettings) -> None:
        self._gateway = gateway
        self._settings = settings
        self._lines = LogLines(gateway)
        self._running: dict[asyncio.Task[None], SessionRun | None] = {}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Take nothing more, and end when all sessions have, or ``drain_s`` later."""
        self._stopping.set()

    async def run(self) -> None:
        """Until it is stopped. Raises what the gateway refuses it with for good."""
        settings = self._settings
        runner = await self._until_answered(lambda: self._gateway.register(settings.name))
        if runner is None:
            return
        click.echo(f"ready {runner.name} {runner.agent_id}")
        logging_lines = asyncio.get_running_loop().create_task(self._lines.run(runner.agent_id))
        try:
            await self._take_jobs(runner.agent_id)
        finally:
            await self._drain()
            logging_lines.cancel()
            await self._lines.send(runner.agent_id)

    async def _take_jobs(self, agent_id: str) -> None:
        while not self._stopping.is_set():
            free = self._settings.max_sessions - len(self._running)
            if free <= 0:
                await self._or_stop(_first_of(self._running))
                continue
            poll = partial(self._gateway.poll, agent_id, min(free, MAX_AT_ONCE))
            for job in await self._until_answered(poll) or ():
                self._begin(job)

    def _begin(self, job: Assignment) -> None:
        session = None
        if job.job_type == SESSION:
            session = SessionRun(self._gateway, job, self._settings.command, self._lines.add)
        work = session.run() if session is not None else self._decline(job)
        task = asyncio.get_running_loop().create_task(work)
        self._running[task] = session
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a session ended with %s", type(error).__name__)

    async def _decline(self, job: Assignment) -> None:
        try:
            await self._gateway.complete(job, "FAILED", "This runner does jobs of the type session alone.")
        except errors.LumiLinkError as error:
            log.warning("job %s was not declined: %s", job.job_id, error)

    async def _drain(self) -> None:
        if self._running:
            await asyncio.wait(set(self._running), timeout=self._settings.drain_s)
        for session in self._running.values():
            if session is not None:
                session.stop()
        if self._running:
            _, left = await asyncio.wait(set(self._running), timeout=END_S)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _until_answered(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """The gateway's answer, however long it is away; None if the runner is to stop."""
        for pause in delays(0.5, 15.0):
            try:
                return await self._or_stop(ask())
            except errors.GatewayUnreachableError as error:
                log.warning("%s; trying again", error)
            await self._or_stop(asyncio.sleep(pause))
            if self._stopping.is_set():
                break
        return None

    async def _or_stop(self, what: Awaitable[T]) -> T | None:
        """What is awaited, or None as soon as the runner is to stop."""
        asked = asyncio.ensure_future(what)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({asked, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked.done() else None
        finally:
            asked.cancel()
            stopping.cancel()


async def _first_of(running: dict[asyncio.Task[None], SessionRun | None]) -> None:
    await asyncio.wait(set(running), return_when=asyncio.FIRST_COMPLETED)


async def run_runner(server: str, token: str, settings: RunnerSettings) -> int:
    """Be a runner until SIGTERM or SIGINT; returns the exit code. Raises what the gateway refuses it with."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="lumilink agent: %(message)s")
    gateway = RunnerGateway(server, token)
    process = RunnerProcess(gateway, settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    try:
        await process.run()
    finally:
        await gateway.close()
    return 0
