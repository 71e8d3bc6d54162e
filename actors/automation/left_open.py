"""Automations that nobody goes on with: those of a worker that is gone, or of a gateway that was stopped."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Final

from actors import errors
from actors.automation.pull_requests import names
from actors.automation.stream import owner_of, records
from actors.journal.contract import Journal

log = logging.getLogger("lumilink.automation")

LOOK_EVERY_S: Final = 30.0
JITTER_S: Final = 5.0


async def look_after(
    journal: Journal,
    resume: Callable[[str, str], None],
    clock: Callable[[], float] = time.time,
    chance: Callable[[], float] = random.random,
) -> None:
    """Have what was left open taken up, for as long as the worker lives.

    ``resume`` gets installation and workspace. At first all that is open is looked after, be it deferred, and
    from then on what is overdue. Where another worker has the workspace, nothing comes of it.
    """
    is_first = True
    while True:
        try:
            now = clock()
            for stream, record in await records(journal):
                if record.runs and (is_first or record.due <= now):
                    resume(*owner_of(stream))
            is_first = False
        except errors.LumiLinkError as error:
            log.warning("automations that were left open wait: %s", error)
        await asyncio.sleep(LOOK_EVERY_S + JITTER_S * chance())


async def workspaces_with(journal: Journal, repository: str, number: int) -> list[tuple[str, str]]:
    """Installations and workspaces that have a pull request. Raises JournalUnavailableError."""
    found = await records(journal)
    return [owner_of(stream) for stream, record in found if names(record, repository, number)]
