"""A system of actors on one event loop: the root of the supervision tree, and its orderly end."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final

from actors.kernel.activation import Activation
from actors.kernel.actor import Actor
from actors.kernel.ground import Ground
from actors.kernel.identity import ActorId
from actors.kernel.options import DEFAULT_OPTIONS, ActorOptions
from actors.kernel.ready import ReadyQueue
from actors.kernel.ref import ActorRef
from actors.kernel.states import ENDING, StopReason
from actors.kernel.statistics import SystemStatistics
from actors.kernel.supervision import Supervision

log = logging.getLogger("lumilink.kernel")

ROOT: Final = ActorId("system", "root")
UNWIND_S: Final = 0.5
MESSAGES_PER_TURN: Final = 64
PASS_LIMIT_S: Final = 0.005


class ActorSystem:
    """Make it, and use it, on a running event loop; not from other threads.

    ``on_escalation`` gets the exception when an actor below the root fails more often than
    ``supervision`` allows, or its failure is passed on to the root; that actor stops, the others go
    on. Log the exception's type only: its text may hold what the actor handled. ``chance`` gives the
    jitter of restarts, in 0.0-1.0. ``messages_per_turn`` bounds what one actor handles before the next
    has its turn, ``pass_limit_s`` how long actors keep the loop from sockets and timers.
    """

    def __init__(
        self,
        *,
        on_escalation: Callable[[BaseException], None],
        supervision: Supervision | None = None,
        chance: Callable[[], float] = random.random,
        messages_per_turn: int = MESSAGES_PER_TURN,
        pass_limit_s: float = PASS_LIMIT_S,
    ) -> None:
        loop = asyncio.get_running_loop()
        ready = ReadyQueue(loop, messages_per_turn, pass_limit_s)
        self._ground = Ground(loop, ready, on_escalation, chance)
        options = ActorOptions(supervision=supervision or Supervision())
        self._root = Activation(self._ground, ROOT, Actor, options)
        self._ground.admit(self._root)
        self._root.begin()

    def spawn(
        self,
        id: ActorId,  # noqa: A002 - everywhere else it is called so
        factory: Callable[[], Actor],
        options: ActorOptions = DEFAULT_OPTIONS,
    ) -> ActorRef:
        """A new actor below the root. InternalError if ``id`` is taken; ActorStoppedError after ``stop``."""
        return self._root.spawn(id, factory, options)

    def get_or_spawn(
        self,
        id: ActorId,  # noqa: A002 - everywhere else it is called so
        factory: Callable[[], Actor],
        options: ActorOptions = DEFAULT_OPTIONS,
    ) -> ActorRef:
        """The actor that lives under ``id``, or a new one below the root; see ``ActorContext``."""
        return self._root.get_or_spawn(id, factory, options)

    def find(self, id: ActorId) -> ActorRef | None:  # noqa: A002 - everywhere else it is called so
        """The actor that lives under ``id``, wherever in the tree; None if there is none or it is ending."""
        activation = self._ground.directory.get(id)
        return None if activation is None or activation.state in ENDING else activation.ref

    async def stop(self, grace_s: float) -> None:
        """Stop all actors, children before parents, within ``grace_s`` seconds.

        What is not done by then is cancelled, and waited for at most UNWIND_S. Afterwards no task of
        the system is alive, save one that ignores cancellation: that is logged with its name.
        """
        self._root.stop(StopReason.SHUTDOWN)
        try:
            async with asyncio.timeout(grace_s):
                await self._root.stopped()
        except TimeoutError:
            log.error("%d actors had not stopped in %g s", len(self._ground.activations), grace_s)
            for activation in sorted(self._ground.activations, key=lambda each: -each.depth):
                activation.abandon()
        if self._ground.tasks:
            _, stubborn = await asyncio.wait(self._ground.tasks, timeout=UNWIND_S)
            for task in stubborn:
                log.error("%s ignores its cancellation", task.get_name())

    def deepest_mailbox(self) -> int:
        """How many messages wait in the fullest mailbox."""
        return max((len(each.inbox) for each in self._ground.activations), default=0)

    def statistics(self) -> SystemStatistics:
        """What all actors together did so far, and what waits for them."""
        each = [activation.statistics() for activation in self._ground.activations]
        return SystemStatistics(
            actors=len(each) - (self._root.state not in ENDING),
            tasks=sum(not task.done() for task in self._ground.tasks),
            mailbox_depth=sum(one.mailbox_depth for one in each),
            counts=sum((one.counts for one in each), start=self._ground.ended),
        )
