"""What the Ray shells of the cluster's single actors have in common."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

import ray

from actors.named_actor import NAMESPACE


def start_named(
    shell: type, name: str, *arguments: object, on: dict[str, float] | None = None, call_retries: int = 0
) -> Any:
    """The handle of an actor that is found by ``name`` and that Ray restarts, however often.

    ``on`` is what its node must have; a call that its death cut off is made again ``call_retries`` times.
    """
    # Ray has no types for what it makes of a class.
    actor_class: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=call_retries)(shell)
    return actor_class.options(name=name, namespace=NAMESPACE, resources=on or {}).remote(*arguments)


def end_process_if_it_fails(task: asyncio.Task[None], log: logging.Logger) -> None:
    """Let the process end with a task that gives up: Ray starts another."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its text may hold what was handled, so only its type is logged.
            log.critical("the task to %s gives up on %s", task.get_name(), type(error).__name__)
            os._exit(1)

    task.add_done_callback(ended)
