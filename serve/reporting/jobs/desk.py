"""Where requests about jobs meet within one process: the database, those that wait for work, the events."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from actors.jobs.claims import Claims
from actors.jobs.runners import Runners
from actors.jobs.store import JobStore
from actors.records.database import Database
from serve.reporting.jobs import happenings
from serve.reporting.records.source import records
from serve.reporting.telling import outbox

MAX_WAITING: Final = 1_000
"""How many polls may wait at a replica; those that come then are answered at once."""


class Arrivals:
    """Wakes the polls of this process when a job is queued here. What other replicas queue is looked for."""

    def __init__(self) -> None:
        self._waiting: defaultdict[tuple[str, str], set[asyncio.Event]] = defaultdict(set)
        self._count = 0

    @property
    def is_full(self) -> bool:
        """Whether no more polls may wait."""
        return self._count >= MAX_WAITING

    @contextmanager
    def awaited(self, installation: str, agent_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever a job comes for a runner."""
        event, key = asyncio.Event(), (installation, agent_id)
        self._waiting[key].add(event)
        self._count += 1
        try:
            yield event
        finally:
            self._count -= 1
            self._waiting[key].discard(event)
            if not self._waiting[key]:
                del self._waiting[key]

    def came(self, installation: str, agent_id: str) -> None:
        """A job is there."""
        for event in self._waiting.get((installation, agent_id), ()):
            event.set()


class Desk:
    """What the routes of jobs work with, for one request."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.jobs = JobStore(database)
        self.claims = Claims(database)
        self.runners = Runners(database)

    async def put_back(self, installation: str) -> None:
        """Have lost jobs wait again, and tell of those that were lost for good."""
        for job in await self.claims.put_back(installation):
            outbox().put([happenings.ended(installation, job)])


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    """The desk. Raises RecordsUnavailableError, also for what goes wrong while it is used."""
    async with records().reading() as store:
        yield Desk(store.database)


_arrivals: Final = Arrivals()
_pace: Final = happenings.Pace()


def arrivals() -> Arrivals:
    """Those of this process; a function, since Serve copies a deployment's globals by value."""
    return _arrivals


def pace() -> happenings.Pace:
    """That of this process."""
    return _pace
