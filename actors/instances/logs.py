"""The logs of instances in the records' database: of each the newest lines, as in a ring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import and_, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from actors import errors
from actors.instances.lines import LogLevel, LogLine
from actors.records.database import Database
from actors.records.tables import CONTAINERS, INSTANCE_LOGS, RUNNERS

KEPT_LINES: Final = 10_000
TRIM_EVERY: Final = 500
"""By how many lines a ring may be larger, so that not every write has to delete."""
_L: Final = INSTANCE_LOGS.c
_TRIES: Final = 3


class LogEntry(Struct, frozen=True, rename="camel"):
    """A line of an instance's log. ``source`` is ``agent``, ``lifecycle`` or ``runner``."""

    timestamp: datetime
    level: LogLevel
    message: str
    source: str | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class LogQuery:
    """The last ``limit`` lines; with ``since`` the first ones from that moment on. ``level``: only those."""

    limit: int = 100
    since: datetime | None = None
    level: LogLevel | None = None


class InstanceLogs:
    """All methods raise JournalUnavailableError if the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, lines: Sequence[LogLine]) -> None:
        """Keep lines of any instances, each instance's in their order."""
        by_instance: dict[tuple[str, str], list[LogLine]] = {}
        for line in lines:
            by_instance.setdefault((line.installation, line.instance_id), []).append(line)
        for (installation, instance_id), theirs in by_instance.items():
            await self._write(installation, instance_id, theirs[-KEPT_LINES:])

    async def read(self, installation: str, instance_id: str, query: LogQuery) -> list[LogEntry]:
        """Lines of an instance, the oldest first. Raises RecordNotFoundError for one that there is not."""
        ours = [_L.installation_id == installation, _L.instance_id == instance_id]
        if query.level is not None:
            ours.append(_L.level == query.level)
        asked = select(INSTANCE_LOGS)
        if query.since is None:
            asked = asked.where(*ours).order_by(_L.seq.desc())
        else:
            asked = asked.where(*ours, _L.timestamp >= query.since).order_by(_L.timestamp, _L.seq)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(asked.limit(query.limit))).mappings().all()
            if not rows:
                await _check_known(connection, installation, instance_id)
        found = [
            LogEntry(row["timestamp"], LogLevel(row["level"]), row["message"] or "", row["source"] or UNSET)
            for row in rows
        ]
        return found if query.since is not None else found[::-1]

    async def _write(self, installation: str, instance_id: str, lines: Sequence[LogLine]) -> None:
        ours = and_(_L.installation_id == installation, _L.instance_id == instance_id)
        for attempt in range(_TRIES):
            try:
                async with self._database.transaction() as connection:
                    last = await connection.scalar(select(func.max(_L.seq)).where(ours)) or 0
                    rows = [_row(seq, line) for seq, line in enumerate(lines, last + 1)]
                    await connection.execute(insert(INSTANCE_LOGS), rows)
                    newest = last + len(lines)
                    if newest // TRIM_EVERY > last // TRIM_EVERY:
                        await connection.execute(
                            delete(INSTANCE_LOGS).where(ours, _L.seq <= newest - KEPT_LINES)
                        )
                return
            except errors.InvalidParamsError:
                # Another process has written the numbers that were free a moment ago.
                if attempt == _TRIES - 1:
                    raise


def _row(seq: int, line: LogLine) -> dict[str, object]:
    return {
        "installation_id": line.installation,
        "instance_id": line.instance_id,
        "seq": seq,
        "timestamp": datetime.fromtimestamp(line.at / 1000, UTC),
        "level": line.level,
        "message": line.message,
        "source": line.source,
    }


async def _check_known(connection: AsyncConnection, installation: str, instance_id: str) -> None:
    """One without such lines may be there all the same. Raises RecordNotFoundError."""
    for table, key in (
        (INSTANCE_LOGS, _L.instance_id),
        (CONTAINERS, CONTAINERS.c.container_id),
        (RUNNERS, RUNNERS.c.agent_id),
    ):
        asked = select(key).where(table.c.installation_id == installation, key == instance_id).limit(1)
        if (await connection.execute(asked)).first() is not None:
            return
    raise errors.RecordNotFoundError(f"there is no instance of instanceId {instance_id[:80]!r}")
