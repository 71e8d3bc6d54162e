"""The Ray shell of a worker: Ray places it, watches it and restarts it; ``host.py`` is what it does."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any, cast

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayActorError, RayTaskError

from actors import errors
from actors.capacity.ledger import WorkerReport
from actors.capacity.shell import NAMESPACE, CapacityClient
from actors.connection.messages import QuestionView
from actors.host import Host, WorkerSettings

log = logging.getLogger("lumilink.worker")

REPORT_INTERVAL_S = 1.0
CALL_DEADLINE_S = 5.0
START_AGAIN_S = 1.0


class WorkerShell:
    """One worker. When Ray restarts it, it listens anew and reports itself under the same id."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._capacity = CapacityClient()
        self._host = Host(settings, self._fatal)
        self._drain_until: float | None = None
        # Ray makes an async actor on its running loop, so the worker serves from the first moment.
        loop = asyncio.get_running_loop()
        self._refusal: asyncio.Future[None] = loop.create_future()
        self._starting = loop.create_task(self._start(), name="start")
        self._reporting = loop.create_task(self._report(), name="report")

    async def _start(self) -> None:
        """A worker that Ray starts anew may find the journal's store away: it waits for it."""
        while True:
            try:
                await self._host.start()
            except errors.JournalUnavailableError as error:
                log.warning("cannot start yet: %s", error)
                if not self._refusal.done():
                    self._refusal.set_exception(error)
                await asyncio.sleep(START_AGAIN_S)
            else:
                return

    async def _report(self) -> None:
        await asyncio.shield(self._starting)
        while True:
            try:
                known = await self._capacity.report_worker(self._host.report())
                if not known:
                    self._fatal(errors.SessionMovedError("this worker counts as dead"))
                await self._go_on_draining()
            except errors.LumiLinkError as error:
                log.warning("heartbeat: %s", error)
            await asyncio.sleep(REPORT_INTERVAL_S)

    async def _go_on_draining(self) -> None:
        """The capacity actor knows by now: give sessions away, and start anew once none is left."""
        if self._drain_until is None:
            return
        loop = asyncio.get_running_loop()
        if not self._host.is_drained:
            self._host.hand_over(self._drain_until - loop.time())
            return
        log.info("drained: this process ends, and Ray starts another")
        await self._host.stop()
        os._exit(0)

    async def drain(self, deadline_s: float) -> None:
        """Let other workers go on with the sessions, each between two turns or after ``deadline_s``."""
        if self._drain_until is None:
            self._drain_until = asyncio.get_running_loop().time() + deadline_s
            self._host.drain()

    async def ready(self) -> WorkerReport:
        """Wait until the worker serves; raises what keeps it from it, be it for now."""
        await asyncio.wait((self._starting, self._refusal), return_when=asyncio.FIRST_COMPLETED)
        if not self._starting.done():
            await self._refusal
        await asyncio.shield(self._starting)
        return self._host.report()

    async def questions(self, session_id: str, installation: str) -> list[QuestionView]:
        """See ``Host.questions``."""
        return await self._host.questions(session_id, installation)

    async def decide(self, session_id: str, installation: str, question_id: str, result: bytes) -> None:
        """See ``Host.decide``."""
        await self._host.decide(session_id, installation, question_id, result)

    async def stop(self) -> None:
        """Let go of all sessions and agents; Ray may end the process afterwards."""
        self._starting.cancel()
        self._reporting.cancel()
        self._refusal.cancel()
        await self._host.stop()

    def _fatal(self, error: BaseException) -> None:
        # The text of the error may hold what an actor handled, so only its type is logged.
        log.critical("the worker gives up on %s", type(error).__name__)
        os._exit(1)


def start_worker(settings: WorkerSettings) -> ActorHandle[WorkerShell]:
    """Make a worker as a Ray actor that is found by its name in the dashboard."""
    actor_class = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)(WorkerShell)
    named = actor_class.options(name=f"lumilink-{settings.worker_id}", namespace=NAMESPACE)
    return cast("ActorHandle[WorkerShell]", named.remote(settings))


class WorkerClient:
    """The methods of one worker for other processes.

    Each raises what the worker raised, or WorkerUnavailableError if it does not answer within 5 s.
    """

    def __init__(self, worker_id: str) -> None:
        self._worker_id = worker_id

    async def questions(self, session_id: str, installation: str) -> list[QuestionView]:
        """See ``Host.questions``."""
        found: list[QuestionView] = await self._call("questions", session_id, installation)
        return found

    async def decide(self, session_id: str, installation: str, question_id: str, result: bytes) -> None:
        """See ``Host.decide``."""
        await self._call("decide", session_id, installation, question_id, result)

    async def drain(self, deadline_s: float) -> None:
        """See ``WorkerShell.drain``."""
        await self._call("drain", deadline_s)

    async def _call(self, method: str, *arguments: object) -> Any:
        try:
            actor: Any = ray.get_actor(f"lumilink-{self._worker_id}", namespace=NAMESPACE)
            async with asyncio.timeout(CALL_DEADLINE_S):
                return await getattr(actor, method).remote(*arguments)
        except RayTaskError as error:
            if isinstance(error.cause, errors.LumiLinkError):
                raise error.cause from None
            raise
        except (RayActorError, TimeoutError, ValueError):
            raise errors.WorkerUnavailableError(f"{self._worker_id} does not answer", 2.0) from None
