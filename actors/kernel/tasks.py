"""Tasks with an owner: an activation's tasks end with it, and the system can name every one that is left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TypeVar

from actors.kernel.identity import ActorId

T = TypeVar("T")
Task = asyncio.Task[object]

log = logging.getLogger("lumilink.kernel")


def to_nobody(_told: object) -> None:
    """Stands where an activation was told something, once it has ended."""


class TaskSet:
    """The tasks of one activation.

    ``everyone`` is the system's own set, in which a task stays until it has really ended.
    ``on_done`` is called for each task that ends while it is owned.
    """

    __slots__ = ("_everyone", "_loop", "_on_done", "_owner", "_tasks")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        owner: ActorId,
        everyone: set[asyncio.Task[object]],
        on_done: Callable[[asyncio.Task[object]], None],
    ) -> None:
        self._loop = loop
        self._owner = owner
        self._everyone = everyone
        self._on_done = on_done
        self._tasks: set[asyncio.Task[object]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, coroutine: Coroutine[object, object, T], name: str) -> asyncio.Task[T]:
        """Run ``coroutine`` as a task of this activation."""
        task = self._loop.create_task(coroutine, name=f"{self._owner}:{name}")
        self._tasks.add(task)
        self._everyone.add(task)
        task.add_done_callback(self._done)
        return task

    def disown(self) -> None:
        """The activation has ended: what still ends is nobody's."""
        self._on_done = to_nobody

    def cancel(self) -> None:
        """Cancel all tasks without waiting for them."""
        for task in self._tasks:
            task.cancel()

    async def end(self, grace_s: float) -> None:
        """Cancel all tasks and wait until they ended, or until ``grace_s`` is over.

        A task that ignores its cancellation for that long is given up: logged, and no longer owned.
        """
        if not self._tasks:
            return
        self.cancel()
        await asyncio.wait(self._tasks, timeout=grace_s)
        for task in self._tasks:
            log.error("%s ignored its cancellation for %g s", task.get_name(), grace_s)
        self._tasks.clear()

    def _done(self, task: asyncio.Task[T]) -> None:
        self._everyone.discard(task)
        if task in self._tasks:
            self._tasks.discard(task)
            self._on_done(task)
        elif not task.cancelled():
            task.exception()  # given up before; nobody is left to hear of it
