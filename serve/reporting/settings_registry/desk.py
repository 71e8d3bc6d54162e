"""The registry for one request, and what is read from it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from actors.jobs.store import Terms
from actors.records.database import Database
from actors.settings_registry import own
from actors.settings_registry.registry import Registry
from serve.reporting.records.source import records

MAX_FURNISHED: Final = 10_000


class _Furnished:
    """The installations whose registry has LumiLink's own settings, as far as this process knows."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, str], None] = OrderedDict()

    async def see_to(self, registry: Registry, database: Database, installation: str) -> None:
        key = id(database), installation
        if key in self._known:
            return
        await registry.furnish(installation)
        self._known[key] = None
        while len(self._known) > MAX_FURNISHED:
            self._known.popitem(last=False)


_furnished: Final = _Furnished()


@asynccontextmanager
async def registry_of(installation: str) -> AsyncIterator[Registry]:
    """The registry. Raises RecordsUnavailableError, also for what goes wrong while it is used."""
    async with records().reading() as store:
        registry = Registry(store.database)
        await _furnished.see_to(registry, store.database, installation)
        yield registry


async def job_terms(database: Database, installation: str) -> Terms:
    """What holds for jobs of the installation that do not say otherwise."""
    found = await Registry(database).values(installation, own.JOBS)
    usual = Terms()
    return Terms(
        lease_s=found.get(own.LEASE_S, usual.lease_s),
        max_attempts=found.get(own.MAX_ATTEMPTS, usual.max_attempts),
        keep_days=found.get(own.KEEP_DAYS, usual.keep_days),
    )
