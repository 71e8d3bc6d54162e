"""The metrics actor for other processes: telling it, and asking it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Final

from actors import errors
from actors.metrics.gathering import Report
from actors.metrics.meters import meters
from actors.metrics.metric import Role
from actors.metrics.process import watch_process
from actors.named_actor import NamedActor

log = logging.getLogger("lumilink.metrics")

METRICS_NAME: Final = "lumilink-metrics"
CALL_DEADLINE_S: Final = 5.0
TELL_EVERY_S: Final = 5.0
AWAY_S: Final = 10.0
"""Where there is no such actor, it is looked for again after that."""


class MetricsClient:
    """The metrics actor's methods for other processes.

    Each raises WorkerUnavailableError if it does not answer within 5 s.
    """

    def __init__(self) -> None:
        self._actor = NamedActor(METRICS_NAME, "the metrics actor", CALL_DEADLINE_S, TELL_EVERY_S)

    async def take(self, report: Report) -> str:
        """See ``Gathering.take``."""
        name: str = await self._actor.call("take", report)
        return name

    async def text(self) -> str:
        """See ``Gathering.text``."""
        text: str = await self._actor.call("text")
        return text


def start_telling(role: Role, name: str = "") -> asyncio.Task[None]:
    """Tell the metrics actor every 5 s what this process counts, until the task is cancelled.

    ``name`` is the process's where it has one of its own; otherwise it is given one.
    """
    task = asyncio.get_running_loop().create_task(_tell(role, name), name="tell metrics")
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[None]) -> None:
    # The process has more important things to do.
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("metrics are told no more: %s", type(error).__name__)


async def _tell(role: Role, name: str) -> None:
    client, counted, key = MetricsClient(), meters(), name or secrets.token_hex(8)
    watch_process(counted)
    counted.begin(role)
    while True:
        try:
            given = await client.take(Report(role, key, name, counted.families(name) if name else {}))
        except errors.LumiLinkError as error:
            log.debug("the metrics actor is told later: %s", error)
            await asyncio.sleep(AWAY_S)
            continue
        is_new, name = given != name, given
        if not is_new:
            await asyncio.sleep(TELL_EVERY_S)
