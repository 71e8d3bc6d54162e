"""One actor's life in a system: starting, restarting, passivating, stopping.

Messages are the inbox's business and children the supervisor's; this is what holds them together.
``states.TRANSITIONS`` says what may follow what. An activation has at most one *life task* at a time,
and only while it restarts, stops or waits for its predecessor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import TypeVar

from actors.errors import ActorStoppedError, InternalError
from actors.kernel.actor import Actor, ActorContext
from actors.kernel.ground import Ground, describe
from actors.kernel.identity import ActorId
from actors.kernel.idle import IdleWatch
from actors.kernel.inbox import Inbox
from actors.kernel.options import ActorOptions
from actors.kernel.ref import ActorRef
from actors.kernel.states import ENDING, LOADED, SETTLED, ActivationState, Event, StopReason, next_state
from actors.kernel.statistics import ActorStatistics, Counts
from actors.kernel.supervision import RestartWindow
from actors.kernel.supervisor import Supervisor
from actors.kernel.tasks import TaskSet
from actors.kernel.timers import Timer

T = TypeVar("T")

log = logging.getLogger("lumilink.kernel")


class Activation:
    """Stable over restarts: mailbox, ref and counts stay, the instance of the actor changes.

    ``parent`` is None for the root. ``predecessor`` is the activation under the same id that is still
    stopping; this one starts after its end.
    """

    def __init__(
        self,
        ground: Ground,
        actor_id: ActorId,
        factory: Callable[[], Actor],
        options: ActorOptions,
        parent: Activation | None = None,
        predecessor: Activation | None = None,
    ) -> None:
        self.id = actor_id
        self.options = options
        self.state = ActivationState.WAITING
        self.window = RestartWindow()
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.supervisor = Supervisor(ground, options.supervision, self.fail)
        self._ground = ground
        self._factory = factory
        self._parent = parent
        self._predecessor = predecessor
        self._tasks = TaskSet(ground.loop, actor_id, ground.tasks, self._task_done)
        self.inbox = Inbox(actor_id, options.mailbox_capacity, ground.ready, self._tasks, self.fail)
        self._actor: Actor | None = None
        self._life: asyncio.Task[None] | None = None
        self._after: Activation | None = None  # an earlier sibling that has to run before the restart
        self._timers: set[Timer] = set()
        self._idle: IdleWatch | None = None
        self._reason = StopReason.REQUESTED
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()
        self._failures = self._restarts = 0

    # ---------------------------------------------------------------- what the actor's context asks for

    @property
    def ref(self) -> ActorRef:
        """A reference to it; all of them are equal."""
        return ActorRef(self)

    @property
    def children(self) -> Mapping[ActorId, Activation]:
        """The children, in the order in which they were spawned."""
        return self.supervisor.children

    def spawn(self, actor_id: ActorId, factory: Callable[[], Actor], options: ActorOptions) -> ActorRef:
        """A new child. InternalError if the id lives, ActorStoppedError if this actor is not at work."""
        existing = self._ground.directory.get(actor_id)
        if existing is not None and existing.state not in ENDING:
            raise InternalError(f"{actor_id} is there already")
        self._expect_loaded()
        child = Activation(self._ground, actor_id, factory, options, parent=self, predecessor=existing)
        self._ground.admit(child)
        self.supervisor.adopt(child)
        child.begin()
        return child.ref

    def get_or_spawn(
        self, actor_id: ActorId, factory: Callable[[], Actor], options: ActorOptions
    ) -> ActorRef:
        """The live actor under the id, or a new child."""
        existing = self._ground.directory.get(actor_id)
        if existing is not None and existing.state not in ENDING:
            return existing.ref
        return self.spawn(actor_id, factory, options)

    def run(self, coroutine: Coroutine[object, object, T], name: str) -> asyncio.Task[T]:
        """A task that ends with the instance."""
        if self.state not in LOADED:
            coroutine.close()
        self._expect_loaded()
        return self._tasks.start(coroutine, name)

    def after(self, delay_s: float, message: object) -> Timer:
        """A message for later."""
        self._expect_loaded()
        return Timer(self._ground.loop, self.inbox.deliver, self._timers, delay_s, message)

    def touch(self) -> None:
        """Count as active."""
        self.inbox.last_active = self._ground.loop.time()

    # ---------------------------------------------------------------- from state to state

    def begin(self) -> None:
        """Start, now or when the predecessor has ended."""
        if self._predecessor is None:
            self._start()
        else:
            self._live(self._start_after(self._predecessor))

    def fail(self, failure: Exception) -> None:
        """The instance cannot go on: its supervisor decides. On return no message is handled any more."""
        if self.state not in LOADED:
            log.warning("%s, while %s: %s", self.id, self.state, describe(failure))
            return
        self._failures += 1
        log.error("%s failed: %s", self.id, describe(failure))
        if self._parent is None:
            self._ground.escalate(failure)
        elif self._parent.state in LOADED:
            self._parent.supervisor.child_failed(self, failure)
        else:
            self.stop(StopReason.PARENT_STOPPED)

    def restart(self, delay_s: float, after: Activation | None) -> None:
        """Replace the instance, after a pause and not before ``after`` runs."""
        self._after = after  # also for one that restarts already: it comes back in order
        if self.state in LOADED:
            self._enter(Event.RESTART)
            self._silence()
            self.inbox.shut()
            self._live(self._restart(delay_s))

    def stop(self, reason: StopReason) -> None:
        """End the activation; the first reason counts."""
        if self.state in ENDING:
            return
        unloading = self.state is ActivationState.RESTARTING  # that life sees the new state when it is done
        self._enter(Event.STOP)
        self._reason = reason
        self._silence()
        self.inbox.end()
        if not unloading:
            self._live(self._stop())

    def abandon(self) -> None:
        """End at once: time is up. What is under way is cancelled, and not waited for."""
        self.stop(StopReason.SHUTDOWN)
        if self._life is not None:
            self._life.cancel()
        self._tasks.cancel()
        self.inbox.interrupt()
        if self.state is ActivationState.STOPPING:
            self._finish()

    def _enter(self, event: Event) -> None:
        self.state = next_state(self.state, event)
        if self.state in SETTLED:
            self._settled.set()
        else:
            self._settled.clear()

    def _expect_loaded(self) -> None:
        if self.state not in LOADED:
            raise ActorStoppedError(f"{self.id} is {self.state}")

    # ---------------------------------------------------------------- lives and tasks

    def _live(self, life: Coroutine[object, object, None]) -> None:
        if self._life is not None:
            self._life.cancel()
        self._life = self._ground.start_life(self.id, life)

    async def _start_after(self, predecessor: Activation) -> None:
        await predecessor.stopped()
        await self._start_in_order()

    async def _start_in_order(self) -> None:
        while (previous := self._after) is not None:
            self._after = None
            await previous.settled()
        self._start()

    async def _restart(self, delay_s: float) -> None:
        await self._unload(StopReason.FAILED)
        if self.state in ENDING:  # stop() came meanwhile
            self._finish()
            return
        self._enter(Event.UNLOADED)
        await asyncio.sleep(delay_s)
        await self._start_in_order()
        self._restarts += 1

    async def _stop(self) -> None:
        await self._unload(self._reason)
        if self._predecessor is not None:
            await self._predecessor.stopped()
        self._finish()

    def _start(self) -> None:
        self._predecessor = None
        self._enter(Event.START)
        self._tasks.start(self._load(), "started")

    async def _load(self) -> None:
        actor = self._factory()
        actor.context = ActorContext(self)
        self._actor = actor
        try:
            async with asyncio.timeout(self.options.start_limit_s):
                await actor.started()
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            raise InternalError(f"{self.id}: started() looked into something cancelled") from None
        if self._actor is actor and self.state is ActivationState.STARTING:
            self._enter(Event.STARTED)
            self.inbox.open(actor.receive, self._ground.loop.time())
            if self.options.idle_after_s is not None:
                self._idle = IdleWatch(
                    self._ground.loop, self.inbox, self.options.idle_after_s, self._passivate
                )

    async def _unload(self, reason: StopReason) -> None:
        """Children first, then tasks, then ``stopping``: each with its own limit of time."""
        shutdown = reason is StopReason.SHUTDOWN
        await self.supervisor.stop_children(reason if shutdown else StopReason.PARENT_STOPPED)
        grace_s = self.options.stop_grace_s
        await self._tasks.end(grace_s)
        self.inbox.interrupt()
        actor, self._actor = self._actor, None
        if actor is not None:
            hook = self._tasks.start(actor.stopping(reason), "stopping")
            await asyncio.wait((hook,), timeout=grace_s)
            if not hook.done():
                log.error("%s: stopping() was not done in %g s", self.id, grace_s)
            await self._tasks.end(grace_s)
            # Its parts refer to it and to each other, and whoever has many actors lets the collector come by
            # seldom: what it held is free now.
            vars(actor).clear()

    def _silence(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        for timer in list(self._timers):
            timer.cancel()

    def _finish(self) -> None:
        self._enter(Event.UNLOADED)
        self._ground.forget(self)
        if self._parent is not None:
            self._parent.supervisor.release(self)
        self._ended.set()
        # What refers back to it would leave all of it to the garbage collector, as in ``_unload``.
        self._factory = _ended
        for part in (self.inbox, self._tasks, self.supervisor):
            part.disown()

    def _task_done(self, task: asyncio.Task[object]) -> None:
        if task.cancelled() or self.inbox.owes(task):
            return  # what a message's task ends with is the inbox's business
        error = task.exception()
        if isinstance(error, Exception):
            self.fail(error)

    def _passivate(self) -> bool:
        actor = self._actor
        if actor is None or self.children or not self.inbox.quiet:
            return False
        try:
            willing = actor.may_passivate()
        except Exception as failure:  # noqa: BLE001 - whatever an actor raises is its supervisor's business
            self.fail(failure)
            return True
        if willing:
            self.stop(StopReason.IDLE)
        return willing

    # ---------------------------------------------------------------- seen from outside

    async def settled(self) -> None:
        """Wait until it runs or has ended."""
        await self._settled.wait()

    async def stopped(self) -> StopReason:
        """Wait until it has ended."""
        await self._ended.wait()
        return self._reason

    def statistics(self) -> ActorStatistics:
        """A snapshot."""
        inbox = self.inbox
        return ActorStatistics(
            id=self.id,
            state=self.state,
            mailbox_depth=len(inbox),
            mailbox_high_water=inbox.high_water,
            mailbox_capacity=inbox.capacity,
            children=len(self.children),
            tasks=len(self._tasks),
            counts=Counts(
                handled=inbox.handled,
                rejected=inbox.rejected,
                refused=inbox.refused,
                expired=inbox.expired,
                dead_letters=inbox.dead_letters,
                failures=self._failures,
                restarts=self._restarts,
            ),
        )


def _ended() -> Actor:
    raise ActorStoppedError("the activation has ended")


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
