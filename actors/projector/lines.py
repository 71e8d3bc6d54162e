"""Lines that workers' agents have logged: kept in the records' database, and told live."""

from __future__ import annotations

from collections.abc import Sequence

from actors import errors
from actors.events.outbox import Outbox
from actors.instances.happenings import events_of
from actors.instances.lines import LogLine
from actors.instances.logs import InstanceLogs
from actors.records.database import Database


class LineBook:
    """Takes lines once the database is there; until then whoever has some keeps them."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._logs: InstanceLogs | None = None

    def use(self, database: Database) -> None:
        """The database that lines are written to from now on."""
        self._logs = InstanceLogs(database)

    async def take(self, lines: Sequence[LogLine]) -> None:
        """Keep and tell lines. Raises JournalUnavailableError; nothing is told then."""
        if self._logs is None:
            raise errors.JournalUnavailableError("the records are not open yet", 1.0)
        await self._logs.write(lines)
        self._outbox.put(events_of(lines))
