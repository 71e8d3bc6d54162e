"""The Ray actor around the projector: one for the cluster, found by name."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Final, cast

from ray.actor import ActorHandle
from ray.util.metrics import Counter, Gauge

from actors.events.client import EventsClient
from actors.instances.lines import LogLine
from actors.metrics.client import start_telling
from actors.metrics.meters import meters
from actors.metrics.metric import Role
from actors.projector.client import PROJECTOR_NAME
from actors.projector.figures import ProjectorFigures
from actors.projector.gauges import watch_analytics, watch_projector
from actors.projector.settings import ProjectorSettings
from actors.shells import end_process_if_it_fails, start_named
from actors.storage import open_journal

log = logging.getLogger("lumilink.projector")

STOP_DEADLINE_S: Final = 5.0
SHOW_EVERY_S: Final = 2.0
NICE: Final = 10
"""What the process gives way by (nice(2))."""


class _Meters:
    """What Ray's dashboard and its metrics show of the projector."""

    def __init__(self) -> None:
        self._lag = Gauge(
            "lumilink_projector_lag_seconds", "Time from an entry to its record.", ("quantile",)
        )
        self._waiting = Gauge("lumilink_projector_waiting_streams", "Streams that are still to be read.")
        self._entries = Counter("lumilink_projector_entries", "Entries whose records were written.")
        self._aside = Counter("lumilink_projector_set_aside", "Entries of which none could be made.")
        self._shown = ProjectorFigures(0, 0, 0, 0.0, 0.0, 0.0)

    def show(self, figures: ProjectorFigures) -> None:
        """Show the figures; counters take what came since the last time."""
        self._lag.set(figures.lag_p50_s, {"quantile": "0.5"})
        self._lag.set(figures.lag_p95_s, {"quantile": "0.95"})
        self._waiting.set(figures.waiting_streams)
        before, self._shown = self._shown, figures
        # Ray's counters take no zero.
        if figures.entries > before.entries:
            self._entries.inc(figures.entries - before.entries)
        if figures.set_aside > before.set_aside:
            self._aside.inc(figures.set_aside - before.set_aside)


class ProjectorShell:
    """Told by workers which streams have changed."""

    def __init__(self, settings: ProjectorSettings) -> None:
        # Where a machine has too much to do, records wait, and sessions do not.
        os.nice(NICE)
        # Whoever calls this actor loads its module, for Ray's handle names the class: not all this, though.
        from actors.projector.keeper import ProjectorKeeper  # noqa: PLC0415

        storage = settings.storage
        self._keeper = ProjectorKeeper(
            settings, lambda: open_journal(storage.journal, storage.durability), EventsClient().post
        )
        self._meters = _Meters()
        loop = asyncio.get_running_loop()
        self._tasks = (
            loop.create_task(self._keeper.run(), name="project"),
            loop.create_task(self._show(), name="show figures"),
        )
        for task in self._tasks:
            end_process_if_it_fails(task, log)
        watch_projector(meters(), self._keeper.figures)
        watch_analytics(meters(), self._keeper.relayed)
        self._measuring = start_telling(Role.PROJECTOR, Role.PROJECTOR.value)

    async def changed(self, streams: list[str]) -> None:
        """See ``Projector.changed``."""
        self._keeper.changed(streams)

    async def logged(self, lines: list[LogLine]) -> None:
        """See ``LineBook.take``."""
        await self._keeper.lines.take(lines)

    async def figures(self) -> ProjectorFigures:
        """See ``Projector.figures``."""
        return self._keeper.figures()

    async def stop(self) -> None:
        """Let go of the stores; Ray may end the process afterwards. What was under way is done again."""
        self._measuring.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks, timeout=STOP_DEADLINE_S)

    async def _show(self) -> None:
        while True:
            self._meters.show(self._keeper.figures())
            await asyncio.sleep(SHOW_EVERY_S)


def start_projector(
    settings: ProjectorSettings, on: dict[str, float] | None = None
) -> ActorHandle[ProjectorShell]:
    """Make the cluster's projector; Ray restarts it, and it goes on where its records end.

    ``on`` is what its node must have.
    """
    return cast("ActorHandle[ProjectorShell]", start_named(ProjectorShell, PROJECTOR_NAME, settings, on=on))
