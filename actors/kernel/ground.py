"""What all activations of one system stand on: the loop, the ready queue, the directory, every task."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

from actors.kernel.ready import ReadyQueue
from actors.kernel.statistics import Counts

if TYPE_CHECKING:
    from actors.kernel.activation import Activation
    from actors.kernel.identity import ActorId

log = logging.getLogger("lumilink.kernel")


class Ground:
    """Shared by the activations of a system; only they and the system use it."""

    __slots__ = ("_on_escalation", "activations", "chance", "directory", "ended", "loop", "ready", "tasks")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ready: ReadyQueue,
        on_escalation: Callable[[BaseException], None],
        chance: Callable[[], float],
    ) -> None:
        self.loop = loop
        self.ready = ready
        self.chance = chance
        self.directory: dict[ActorId, Activation] = {}  # the newest activation of each id
        self.activations: set[Activation] = set()  # all that have not ended
        self.tasks: set[asyncio.Task[object]] = set()
        self.ended = Counts()  # of activations that have ended
        self._on_escalation = on_escalation

    def admit(self, activation: Activation) -> None:
        """Enter a new activation."""
        self.activations.add(activation)
        self.directory[activation.id] = activation

    def forget(self, activation: Activation) -> None:
        """Strike off an activation that has ended; its counts stay."""
        self.activations.discard(activation)
        if self.directory.get(activation.id) is activation:
            del self.directory[activation.id]
        self.ended += activation.statistics().counts

    def start_life(self, activation_id: ActorId, life: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run a restart, a stop or a wait for a predecessor as a task."""
        task = self.loop.create_task(life, name=f"{activation_id}:life")
        self.tasks.add(task)
        task.add_done_callback(self._life_done)
        return task

    def escalate(self, failure: BaseException) -> None:
        """Tell the owner of the system what no supervisor could handle."""
        try:
            self._on_escalation(failure)
        except Exception as error:  # noqa: BLE001 - it has nobody above it to be raised to
            log.error("on_escalation failed: %s", describe(error))

    def _life_done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed: %s", task.get_name(), describe(error))
            self.escalate(error)


def describe(error: BaseException) -> str:
    """An exception's type and where it came from. Not its text: that may hold what the actor handled."""
    stack = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    return f"{type(error).__name__}\n{stack}" if stack else type(error).__name__
