"""A large database of records: a month of an installation with a million transcript entries.

It is filled at the revision before searching and counting came, and then migrated: that is how such a
database comes to a new version. The rows are the same for each seed.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, chain, islice
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]  # it has no types
from sqlalchemy import make_url

from actors.records import migrate
from actors.records.kinds import BY_NAME

TENANT: Final = "bench"
END: Final = datetime(2026, 3, 31, tzinfo=UTC)
DAYS: Final = 30
WORKSPACES: Final = 200
BEFORE: Final = "0004"
_BATCH: Final = 5_000
_SEED: Final = 11
_STATUSES: Final = ("connected", "degraded", "error", "disconnected", "disconnected", "disconnected")
_EVENTS: Final = ("toast", "info", "info", "automation", "rollback")
_MESSAGES: Final = ("message", "event", "event", "status", "command")

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Size:
    """How many of what. Every connection has a container and a session."""

    transcripts: int = 1_000_000
    connections: int = 100_000

    def scaled(self, factor: float) -> Size:
        """For a trial."""
        return Size(int(self.transcripts * factor), int(self.connections * factor))


class Filling:
    """The rows of all tables. Another installation has a tenth as much, mixed in."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._chance = random.Random(_SEED)
        self._words = [f"word{n}" for n in range(20_000)]
        self._chance.shuffle(self._words)
        self._weights = list(accumulate(1 / (rank + 10) for rank in range(len(self._words))))

    def tables(self) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
        """Each kind's name with its rows, each after those that it refers to."""
        links = self._size.connections
        yield "containers", (self._container(n) for n in range(links))
        yield "connections", (self._connection(n) for n in range(links))
        yield "transitions", (self._transition(n) for n in range(3 * links))
        yield "messages", (self._message(n) for n in range(links))
        yield "sessions", (self._session(n) for n in range(links))
        yield "migrations", (self._migration(n) for n in range(links // 20))
        yield "rollbacks", (self._rollback(n) for n in range(links // 100))
        yield "automations", (self._automation(n) for n in range(links))
        yield "transcripts", (self._transcript(n) for n in range(self._size.transcripts))
        yield "metrics", (self._metric(n) for n in range(links))

    def _base(self, link: int) -> dict[str, Any]:
        """What all rows of one session share; every tenth session is of somebody else."""
        return {"installation_id": "another" if link % 10 == 9 else TENANT, "stream": f"s{link}", "seq": 1}

    def _at(self, part: float) -> datetime:
        """A moment of the month, from 0 to 1."""
        moment = END - timedelta(days=DAYS) * (1 - part)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def _began(self, link: int) -> float:
        return link / self._size.connections * 0.999

    def _workspace(self, link: int) -> str:
        return f"workspace-{link * 7919 % WORKSPACES}"

    def _uuid(self) -> str:
        digits = f"{self._chance.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def _text(self, words: int) -> str:
        """Few words are common and most are rare."""
        picked = self._chance.choices(self._words, cum_weights=self._weights, k=words)
        return f"The agent said: {' '.join(picked)}."

    def _container(self, n: int) -> dict[str, Any]:
        at = self._at(self._began(n))
        return self._base(n) | {
            "container_id": f"box-{n}",
            "workspace_id": self._workspace(n),
            "supported_protocols": ["http", "acp"],
            "preferred_protocol": "acp",
            "created_at": at,
            "updated_at": at,
        }

    def _connection(self, n: int) -> dict[str, Any]:
        at = self._at(self._began(n))
        status = "connected" if n > 0.99 * self._size.connections else self._chance.choice(_STATUSES)
        return self._base(n) | {
            "connection_id": f"conn-{n}",
            "workspace_id": self._workspace(n),
            "container_id": f"box-{n}",
            "status": status,
            "protocol_version": "1.0.0",
            "negotiated_capabilities": ["loadSession", "fs.readTextFile"],
            "success_rate": 0.98 + 0.02 * self._chance.random(),
            "latency_p95": 100 + 200 * self._chance.random(),
            "throughput_per_min": 30.0,
            "last_heartbeat": at,
            "last_active": at,
            "created_at": at,
            "error_count": 0,
            "reconnect_count": 0,
            "rollback_triggered": False,
            "diagnostics": [],
            "metadata": {"protocol": "http" if n % 8 == 0 else "acp"},
        }

    def _transition(self, n: int) -> dict[str, Any]:
        link, step = divmod(n, 3)
        change = (("connecting", "connected"), ("connected", "error"), ("error", "disconnected"))[step]
        if step == 1 and link % 10:
            change = ("connected", "degraded")
        return self._base(link) | {
            "transition_id": self._uuid(),
            "connection_id": f"conn-{link}",
            "workspace_id": self._workspace(link),
            "from_status": change[0],
            "to_status": change[1],
            "at": self._at(self._began(link) + step * 1e-5),
        }

    def _message(self, n: int) -> dict[str, Any]:
        return self._base(n) | {
            "id": self._uuid(),
            "connection_id": f"conn-{n}",
            "session_id": f"sess-{n}",
            "direction": "inbound",
            "message_type": _MESSAGES[n % 5],
            "payload": {"turn": 1, "outcome": "end_turn"},
            "timestamp": self._at(self._began(n) + 1e-5),
            "size": 300,
            "processed": True,
            "error": False,
        }

    def _session(self, n: int) -> dict[str, Any]:
        at = self._at(self._began(n))
        closed = None if n > 0.99 * self._size.connections else at + timedelta(minutes=40)
        return self._base(n) | {
            "session_id": f"sess-{n}",
            "container_id": f"box-{n}",
            "workspace_id": self._workspace(n),
            "protocol_type": "http" if n % 8 == 0 else "acp",
            "fallback_enabled": True,
            "acp_connection_id": f"conn-{n}",
            "created_at": at,
            "updated_at": at,
            "closed_at": closed,
        }

    def _migration(self, n: int) -> dict[str, Any]:
        at = self._at(self._began(n * 20))
        return self._base(n * 20) | {
            "migration_id": self._uuid(),
            "workspace_id": self._workspace(n * 20),
            "initiated_by": "system",
            "trigger": "automatic",
            "from_protocol": "http",
            "to_protocol": "acp",
            "started_at": at,
            "completed_at": at,
            "status": "succeeded",
            "success": True,
            "attempt_count": 1,
            "rollback": False,
        }

    def _rollback(self, n: int) -> dict[str, Any]:
        return self._base(n * 100) | {
            "event_id": self._uuid(),
            "workspace_id": self._workspace(n * 100),
            "trigger": "auto-threshold",
            "reason_code": "other",
            "initiated_at": self._at(self._began(n * 100)),
            "previous_protocol": "acp",
            "new_protocol": "http",
            "follow_up_actions": [],
        }

    def _automation(self, n: int) -> dict[str, Any]:
        skipped = n % 10 == 0
        return self._base(n) | {
            "summary_id": self._uuid(),
            "session_id": f"sess-{n}",
            "workspace_id": self._workspace(n),
            "status": "skipped" if skipped else "success",
            "skip_reason": "repo-blocked" if skipped else None,
            "toast_message": "Skipped." if skipped else None,
            "transcript_note": "The repository is blocked." if skipped else None,
            "duration_ms": 1200,
            "created_at": self._at(self._began(n)),
        }

    def _transcript(self, n: int) -> dict[str, Any]:
        """One session in a thousand has a very long transcript."""
        link = n * self._size.connections // self._size.transcripts
        link -= link % 1000 if n % 3 == 0 else 0
        return self._base(link) | {
            "entry_id": self._uuid(),
            "session_id": f"sess-{link}",
            "event_type": _EVENTS[n % 5],
            "message": self._text(12),
            "timestamp": self._at(n / self._size.transcripts),
        }

    def _metric(self, n: int) -> dict[str, Any]:
        total = self._size.connections
        minute = self._at(n / total).replace(second=0, microsecond=0)
        kind = ("acp-turns", "acp-turns-failed", "http-turns", "acp-messages", "fallbacks")[n % 5]
        return self._base(n) | {
            "metric_id": self._uuid(),
            "workspace_id": self._workspace(n),
            "timestamp": minute,
            "metric_type": kind,
            "value": 3.0 if kind.endswith("turns") else 0.05,
            "threshold_breached": False,
        }


async def fill(url: str, size: Size) -> float:
    """Make and fill the database; returns the seconds that its migration to the newest revision took."""
    await migrate(url, BEFORE)
    if make_url(url).drivername.startswith("sqlite"):
        await asyncio.to_thread(_fill_sqlite, make_url(url).database or "", size)
    else:
        await _fill_postgresql(url, size)
    began = time.monotonic()
    await migrate(url)
    return time.monotonic() - began


def _fill_sqlite(path: str, size: Size) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    for name, rows in Filling(size).tables():
        first = next(rows)
        columns = ", ".join(f'"{column}"' for column in first)
        marks = ", ".join("?" * len(first))
        statement = f"INSERT INTO {BY_NAME[name].table.name} ({columns}) VALUES ({marks})"
        connection.executemany(statement, (_sqlite_row(row) for row in chain([first], rows)))
        connection.commit()
    connection.execute("ANALYZE")
    connection.commit()
    connection.close()


def _sqlite_row(row: dict[str, Any]) -> Row:
    return tuple(_sqlite_value(value) for value in row.values())


def _sqlite_value(value: object) -> object:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ", "microseconds")
    return json.dumps(value) if isinstance(value, list | dict) else value


async def _fill_postgresql(url: str, size: Size) -> None:
    connection = await asyncpg.connect(make_url(url).set(drivername="postgresql").render_as_string(False))
    try:
        await connection.set_type_codec(
            "json",
            encoder=lambda value: json.dumps(value).encode(),
            decoder=json.loads,
            schema="pg_catalog",
            format="binary",
        )
        for name, rows in Filling(size).tables():
            first = next(rows)
            for batch in _batches(chain([first], rows)):
                await connection.copy_records_to_table(
                    BY_NAME[name].table.name, records=batch, columns=list(first)
                )
    finally:
        await connection.close()


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[Sequence[Row]]:
    values = (tuple(row.values()) for row in rows)
    while batch := list(islice(values, _BATCH)):
        yield batch
