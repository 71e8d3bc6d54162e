"""The projector for other processes."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from actors import errors
from actors.instances.lines import GatheredLines, LogLine
from actors.named_actor import NamedActor
from actors.projector.changed import ChangedStreams
from actors.projector.figures import ProjectorFigures

log = logging.getLogger("lumilink.projector")

PROJECTOR_NAME: Final = "lumilink-projector"
CALL_DEADLINE_S: Final = 10.0
TELL_EVERY_S: Final = 0.25
AWAY_S: Final = 2.0
LINES_EVERY_S: Final = 1.0
LINES_AT_ONCE: Final = 1_000


class ProjectorClient:
    """The projector's methods for other processes.

    Each raises what the actor raised, or WorkerUnavailableError if it does not answer within 10 s.
    """

    def __init__(self) -> None:
        self._actor = NamedActor(PROJECTOR_NAME, "the projector", CALL_DEADLINE_S)

    async def changed(self, streams: list[str]) -> None:
        """See ``Projector.changed``."""
        await self._actor.call("changed", streams)

    async def logged(self, lines: list[LogLine]) -> None:
        """See ``LineBook.take``."""
        await self._actor.call("logged", lines)

    async def figures(self) -> ProjectorFigures:
        """See ``Projector.figures``."""
        found: ProjectorFigures = await self._actor.call("figures")
        return found


async def tell_projector(changed: ChangedStreams) -> None:
    """Tell the projector what a worker writes, in one call for all, for as long as the worker lives."""
    projector = ProjectorClient()
    while True:
        await asyncio.sleep(TELL_EVERY_S)
        streams = changed.take()
        if not streams:
            continue
        try:
            await projector.changed(streams)
        except errors.LumiLinkError as error:
            log.debug("the projector is told later: %s", error)
            changed.put_back(streams)
            await asyncio.sleep(AWAY_S)


async def tell_lines(gathered: GatheredLines) -> None:
    """Give the projector what agents of a worker have logged, for as long as the worker lives."""
    projector = ProjectorClient()
    while True:
        await asyncio.sleep(LINES_EVERY_S)
        lines = gathered.take(LINES_AT_ONCE)
        if not lines:
            continue
        try:
            await projector.logged(lines)
        except errors.LumiLinkError as error:
            log.debug("lines are logged later: %s", error)
            gathered.put_back(lines)
            await asyncio.sleep(AWAY_S)
