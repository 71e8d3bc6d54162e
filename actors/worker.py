"""The Ray shell of a worker: Ray places it, watches it and restarts it; ``host.py`` is what it does."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass, replace
from typing import Any, cast

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayError
from ray.util.metrics import Gauge

from actors import errors
from actors.automation.messages import PullRequestNews
from actors.automation.order import Wish
from actors.capacity.client import CAPACITY_NAME, CapacityClient
from actors.capacity.ledger import WorkerReport
from actors.connection.messages import QuestionView
from actors.host import Host, WorkerSettings
from actors.instances.lines import LINES
from actors.metrics.client import start_telling
from actors.metrics.meters import meters
from actors.metrics.metric import Role
from actors.migration.command import Elsewhere, ProtocolCommand, WorkspaceProtocol
from actors.migration.policy import Policy
from actors.named_actor import NAMESPACE, NamedActor
from actors.projector.client import tell_lines, tell_projector
from actors.workspace.desk import ProtocolDesk

log = logging.getLogger("lumilink.worker")

REPORT_INTERVAL_S = 1.0
CALL_DEADLINE_S = 5.0
START_AGAIN_S = 1.0


class _Gauges:
    """What Ray's dashboard and its metrics show of a worker; set once a heartbeat, never by a message."""

    def __init__(self, worker_id: str) -> None:
        self._sessions = Gauge("lumilink_worker_sessions", "Sessions that the worker holds.", ("worker",))
        self._capacity = Gauge("lumilink_worker_capacity", "Sessions that it takes.", ("worker",))
        self._tags = {"worker": worker_id}

    def show(self, report: WorkerReport) -> None:
        """Show what the capacity actor is told."""
        self._sessions.set(len(report.sessions), self._tags)
        self._capacity.set(0 if report.draining else report.capacity, self._tags)


class WorkerShell:
    """One worker. When Ray restarts it, it listens anew and reports itself under the same id."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._capacity = CapacityClient()
        if not settings.host:
            here: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call] # Ray's own
            settings = replace(settings, host=here)
        self._host = Host(settings, self._fatal)
        self._gauges = _Gauges(settings.worker_id)
        self._drain_until: float | None = None
        self._is_retiring = self._is_empty = False
        # Ray makes an async actor on its running loop, so the worker serves from the first moment.
        loop = asyncio.get_running_loop()
        self._refusal: asyncio.Future[None] = loop.create_future()
        self._starting = loop.create_task(self._start(), name="start")
        self._reporting = loop.create_task(self._report(), name="report")
        self._telling = loop.create_task(self._tell_projector(), name="tell the projector")
        self._measuring = start_telling(Role.WORKER, settings.worker_id)

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
                self._host.show_in(meters())
                return

    async def _tell_projector(self) -> None:
        await asyncio.shield(self._starting)
        async with asyncio.TaskGroup() as group:
            group.create_task(tell_projector(self._host.storage.changed))
            group.create_task(tell_lines(LINES))

    async def _report(self) -> None:
        await asyncio.shield(self._starting)
        while True:
            try:
                report = self._host.report()
                self._gauges.show(report)
                known = await self._capacity.report_worker(report)
                if not known:
                    self._fatal(errors.SessionMovedError("this worker counts as dead"))
                await self._go_on_draining()
            except errors.LumiLinkError as error:
                log.warning("heartbeat: %s", error)
                await self._end_if_left_alone()
            await asyncio.sleep(REPORT_INTERVAL_S)

    async def _end_if_left_alone(self) -> None:
        """A capacity actor that is not even being restarted has ended with its ``lumilink up``."""
        if await asyncio.to_thread(_has_gateway):
            return
        log.warning("the gateway is gone, and so goes this worker")
        await self._host.stop()
        ray.kill(ray.get_runtime_context().current_actor, no_restart=True)

    async def _go_on_draining(self) -> None:
        """The capacity actor knows by now: give sessions away, and start anew once none is left."""
        if self._drain_until is None or self._is_empty:
            return
        loop = asyncio.get_running_loop()
        if not self._host.is_drained:
            self._host.hand_over(self._drain_until - loop.time())
            return
        await self._host.stop()
        self._is_empty = True
        if not self._is_retiring:
            log.info("drained: this process ends, and Ray starts another")
            os._exit(0)

    async def drain(self, deadline_s: float) -> None:
        """Let other workers go on with the sessions, each between two turns or after ``deadline_s``."""
        if self._drain_until is None:
            self._drain_until = asyncio.get_running_loop().time() + deadline_s
            self._host.drain()

    async def retire(self, deadline_s: float) -> bool:
        """Drain, and then wait for the end that comes from outside; whether nothing is left here.

        May be called again, also on a process that Ray started in the meantime.
        """
        self._is_retiring = True
        await self.drain(deadline_s)
        return self._is_empty

    async def ready(self) -> WorkerReport:
        """Wait until the worker serves; raises what keeps it from it, be it for now."""
        await asyncio.wait((self._starting, self._refusal), return_when=asyncio.FIRST_COMPLETED)
        if not self._starting.done():
            await self._refusal
        await asyncio.shield(self._starting)
        return self._host.report()

    async def questions(self, session_id: str, installation: str) -> list[QuestionView]:
        """See ``Host.questions``."""
        return await self._host.inquiries.questions(session_id, installation)

    async def status(self, session_id: str, installation: str) -> bytes:
        """See ``Inquiries.status``."""
        return await self._host.inquiries.status(session_id, installation)

    async def decide(self, session_id: str, installation: str, question_id: str, result: bytes) -> None:
        """See ``Host.decide``."""
        await self._host.inquiries.decide(session_id, installation, question_id, result)

    async def dismiss(self, installation: str, session_ids: list[str] | None) -> int:
        """See ``Dismissals.dismiss``."""
        if not self._starting.done():
            raise errors.WorkerUnavailableError("the worker is starting", 1.0)
        return await self._host.dismissals.dismiss(installation, session_ids)

    async def protocol(
        self, installation: str, workspace_id: str, command: ProtocolCommand
    ) -> WorkspaceProtocol | Elsewhere:
        """See ``ProtocolDesk.command``."""
        return await self._desk.command(installation, workspace_id, command)

    async def take_policy(self, installation: str, policy: Policy) -> None:
        """See ``Policies.take``."""
        self._desk.policies.take(installation, policy)

    async def automate(self, session_id: str, installation: str, name: str, wish: Wish) -> bytes:
        """See ``Inquiries.automate``."""
        return await self._host.inquiries.automate(session_id, installation, name, wish)

    async def with_pull_request(self, repository: str, number: int) -> list[tuple[str, str]]:
        """See ``AutomationCounter.with_pull_request``."""
        self._check_started()
        return await self._host.automations.with_pull_request(repository, number)

    async def tell_news(
        self, installation: str, workspace_id: str, news: PullRequestNews
    ) -> bool | Elsewhere:
        """See ``AutomationCounter.tell``."""
        self._check_started()
        return await self._host.automations.tell(installation, workspace_id, news)

    def _check_started(self) -> None:
        if not self._starting.done():
            raise errors.WorkerUnavailableError("the worker is starting", 1.0)

    @property
    def _desk(self) -> ProtocolDesk:
        self._check_started()
        return self._host.desk

    async def stop(self) -> None:
        """Let go of all sessions and agents; Ray may end the process afterwards."""
        self._starting.cancel()
        self._reporting.cancel()
        self._telling.cancel()
        self._measuring.cancel()
        self._refusal.cancel()
        await self._host.stop()

    def _fatal(self, error: BaseException) -> None:
        # The text of the error may hold what an actor handled, so only its type is logged.
        log.critical("the worker gives up on %s", type(error).__name__)
        os._exit(1)


@dataclass(frozen=True, slots=True)
class WorkerNeeds:
    """What a node must have free to take a worker: CPUs, and one of a custom resource if that has a name.

    A worker that finds no such node waits for one, which is how Ray's autoscaler learns that it needs one.
    """

    cpus: float = 0.0
    resource: str = ""


def start_worker(settings: WorkerSettings, needs: WorkerNeeds) -> ActorHandle[WorkerShell]:
    """Make a worker as a Ray actor that lives until it is killed; one that is there is left alone."""
    actor_class = ray.remote(max_restarts=-1, max_task_retries=0)(WorkerShell)
    named = actor_class.options(
        name=actor_name(settings.worker_id),
        namespace=NAMESPACE,
        # It does not end with the process that started it, which may be restarted too.
        lifetime="detached",
        get_if_exists=True,
        num_cpus=needs.cpus,
        resources={needs.resource: 1} if needs.resource else {},
    )
    return cast("ActorHandle[WorkerShell]", named.remote(settings))


async def end_worker(worker_id: str) -> None:
    """Have Ray end a worker's process, by SIGKILL if it does not react, and start another.

    Raises WorkerUnavailableError where Ray cannot.
    """
    try:
        actor: Any = await asyncio.to_thread(ray.get_actor, actor_name(worker_id), NAMESPACE)
        await asyncio.to_thread(ray.kill, actor, no_restart=False)
    except (RayError, ValueError) as error:
        raise errors.WorkerUnavailableError(f"{worker_id}: {type(error).__name__}") from None


def _has_gateway() -> bool:
    try:
        ray.get_actor(CAPACITY_NAME, namespace=NAMESPACE)
    except ValueError:
        return False
    except RayError as error:
        log.warning("Ray cannot tell whether there is a gateway: %s", type(error).__name__)
    return True


def actor_name(worker_id: str) -> str:
    """The name by which Ray and its dashboard know a worker."""
    return f"lumilink-{worker_id}"


class WorkerClient:
    """The methods of one worker for other processes.

    Each raises what the worker raised, or WorkerUnavailableError if it does not answer within 5 s.
    """

    def __init__(self, worker_id: str) -> None:
        self._actor = NamedActor(actor_name(worker_id), worker_id, CALL_DEADLINE_S, 2.0)

    async def questions(self, session_id: str, installation: str) -> list[QuestionView]:
        """See ``Host.questions``."""
        found: list[QuestionView] = await self._actor.call("questions", session_id, installation)
        return found

    async def status(self, session_id: str, installation: str) -> bytes:
        """See ``Inquiries.status``."""
        told: bytes = await self._actor.call("status", session_id, installation)
        return told

    async def decide(self, session_id: str, installation: str, question_id: str, result: bytes) -> None:
        """See ``Host.decide``."""
        await self._actor.call("decide", session_id, installation, question_id, result)

    async def dismiss(self, installation: str, session_ids: list[str] | None) -> int:
        """See ``Dismissals.dismiss``."""
        left: int = await self._actor.call("dismiss", installation, session_ids)
        return left

    async def protocol(
        self, installation: str, workspace_id: str, command: ProtocolCommand
    ) -> WorkspaceProtocol | Elsewhere:
        """See ``ProtocolDesk.command``."""
        answer: WorkspaceProtocol | Elsewhere = await self._actor.call(
            "protocol", installation, workspace_id, command
        )
        return answer

    async def take_policy(self, installation: str, policy: Policy) -> None:
        """See ``Policies.take``."""
        await self._actor.call("take_policy", installation, policy)

    async def automate(self, session_id: str, installation: str, name: str, wish: Wish) -> bytes:
        """See ``Inquiries.automate``."""
        told: bytes = await self._actor.call("automate", session_id, installation, name, wish)
        return told

    async def with_pull_request(self, repository: str, number: int) -> list[tuple[str, str]]:
        """See ``AutomationCounter.with_pull_request``."""
        found: list[tuple[str, str]] = await self._actor.call("with_pull_request", repository, number)
        return found

    async def tell_news(
        self, installation: str, workspace_id: str, news: PullRequestNews
    ) -> bool | Elsewhere:
        """See ``AutomationCounter.tell``."""
        told: bool | Elsewhere = await self._actor.call("tell_news", installation, workspace_id, news)
        return told

    async def drain(self, deadline_s: float) -> None:
        """See ``WorkerShell.drain``."""
        await self._actor.call("drain", deadline_s)

    async def retire(self, deadline_s: float) -> bool:
        """See ``WorkerShell.retire``."""
        is_empty: bool = await self._actor.call("retire", deadline_s)
        return is_empty
