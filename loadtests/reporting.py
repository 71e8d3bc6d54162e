"""How long reports take over a month of records: ``python -m loadtests.reporting``.

A million transcript entries and 100,000 connections, in SQLite and, with ``--postgres``, in a PostgreSQL
server of the bench's own. Every operation on records is asked for through the application itself, with other
parameters each time: pages at the end and deep inside, narrow and wide filters, rare and common words.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click
import httpx
from sqlalchemy import text

from actors.records.database import make_engine
from loadtests.machine import describe_machine
from loadtests.reporting_filling import DAYS, END, TENANT, WORKSPACES, Size, fill
from serve.reporting.app import reporting_app
from serve.reporting.records.source import records
from serve.rights import Identity, Role
from serve.rights.gate import OpenGate, put

LIMIT_MS: Final = 250.0
_ASKED: Final = 40
_WARM: Final = 3
_SEED: Final = 5

Ask = Callable[["Asker"], str]


class Asker:
    """Makes up what is asked for."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.chance = random.Random(_SEED)

    def link(self) -> int:
        """A session of the installation."""
        number = self.chance.randrange(self.size.connections)
        return number - 1 if number % 10 == 9 else number

    def workspace(self) -> str:
        """One of the workspaces."""
        return f"workspace-{self.chance.randrange(WORKSPACES)}"

    def time(self, hours: float | None = None) -> str:
        """A window of the month, up to a day long unless told."""
        until = END - timedelta(hours=self.chance.random() * (DAYS - 1) * 24)
        since = until - timedelta(hours=hours or self.chance.random() * 24)
        return f"from={since:%Y-%m-%dT%H:%M:%SZ}&to={until:%Y-%m-%dT%H:%M:%SZ}"

    def until(self) -> str:
        """A moment of the month, as the end of the time."""
        return self.time().partition("&")[2]

    def word(self) -> str:
        """Any word, so mostly a rare one."""
        return f"word{self.chance.randrange(20_000)}"


_MONTH: Final = f"from={END - timedelta(days=DAYS):%Y-%m-%dT%H:%M:%SZ}&to={END:%Y-%m-%dT%H:%M:%SZ}"

ASKED: Final[dict[str, Ask]] = {
    "sessions": lambda _: "sessions",
    "sessions, live": lambda _: "sessions?live=true&limit=200",
    "sessions, ended, of a workspace": lambda one: f"sessions?live=false&workspaceId={one.workspace()}",
    "sessions, some time": lambda one: f"sessions?{one.time()}&sort=updatedAt&limit=200",
    "session": lambda one: f"sessions/sess-{one.link()}",
    "timeline": lambda one: f"sessions/sess-{one.link()}/timeline",
    "timeline of a long session": lambda one: f"sessions/sess-{one.link() // 1000 * 1000}/timeline?limit=200",
    "transcript": lambda one: f"sessions/sess-{one.link() // 1000 * 1000}/transcript?{one.until()}&limit=200",
    "connections": lambda one: f"connections?limit=200&{one.until()}",
    "connections of a workspace": lambda one: f"connections?workspaceId={one.workspace()}&{one.until()}",
    "connections by status": lambda one: f"connections?status=degraded&{one.until()}&order=asc",
    "connections by two filters": lambda one: f"connections?workspaceId={one.workspace()}&status=error",
    "connection": lambda one: f"connections/conn-{one.link()}",
    "history": lambda one: f"connections/conn-{one.link()}/history",
    "messages": lambda one: f"messages?{one.until()}&limit=200",
    "messages of a session": lambda one: f"messages?sessionId=sess-{one.link()}&messageType=status",
    "transcripts": lambda one: f"transcripts?{one.until()}&limit=200",
    "transcripts by type": lambda one: f"transcripts?eventType=rollback&{one.until()}&limit=200",
    "search, rare word": lambda one: f"transcripts?q={one.word()}",
    "search, in all entries": lambda one: f"transcripts?q=agent&limit=200&{one.until()}",
    "search, two words": lambda one: f"transcripts?q=agent+{one.word()}",
    "search, common words": lambda _: "transcripts?q=the+agent+said",
    "search, in a session": lambda one: f"transcripts?q=agent&sessionId=sess-{one.link()}",
    "search, by type and time": lambda one: f"transcripts?q={one.word()}&eventType=toast&{one.time()}",
    "search, no such word": lambda _: "transcripts?q=nowhere",
    "migrations": lambda one: f"migrations?status=succeeded&{one.until()}",
    "rollbacks": lambda one: f"rollbacks?workspaceId={one.workspace()}",
    "automations": lambda one: f"automations?status=skipped&skipReason=repo-blocked&{one.until()}",
    "containers": lambda one: f"containers?workspaceId={one.workspace()}&limit=200",
    "configurations": lambda _: "configurations",
    "summary, a day": lambda one: f"summary?{one.time(24)}",
    "summary, the month": lambda _: f"summary?{_MONTH}",
}


class _Caller(OpenGate):
    async def identify(self, connection: object) -> Identity:
        return Identity(TENANT, "", frozenset(Role), "")


@asynccontextmanager
async def _reporting(url: str) -> AsyncIterator[httpx.AsyncClient]:
    records().use(url)
    put(_Caller())
    transport = httpx.ASGITransport(reporting_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/api/v1/") as client:
        try:
            yield client
        finally:
            await records().close()


@dataclass(frozen=True)
class Times:
    """Milliseconds, sorted: from question to answer, and the CPU that this process took for it.

    On SQLite that is all the work there is, so it holds on a machine that is busy otherwise, too.
    """

    took: list[float]
    cpu: list[float]


async def _measure(url: str, size: Size) -> dict[str, Times]:
    """The times of each thing that is asked for."""
    asker = Asker(size)
    found: dict[str, Times] = {}
    async with _reporting(url) as client:
        for name, ask in ASKED.items():
            took, cpu = [], []
            for number in range(_WARM + _ASKED):
                path = ask(asker)
                began, cpu_began = time.perf_counter(), time.process_time()
                answer = await client.get(path)
                if number >= _WARM:
                    took.append((time.perf_counter() - began) * 1000)
                    cpu.append((time.process_time() - cpu_began) * 1000)
                answer.raise_for_status()
            found[name] = Times(sorted(took), sorted(cpu))
    return found


async def _export(url: str) -> tuple[float, float]:
    """Seconds of an audit export of all transcripts of a day, and its lines a second."""
    began, lines = time.perf_counter(), 0
    async with _reporting(url) as client:
        day = f"to={END:%Y-%m-%dT%H:%M:%SZ}&from={END - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
        answer = await client.get(f"audit/export?kinds=transcripts,connections,sessions&{day}", timeout=600)
        lines = answer.content.count(b"\n")
    took = time.perf_counter() - began
    return took, lines / took


def at(took: list[float], share: float) -> float:
    """A percentile of sorted values."""
    return took[min(len(took) - 1, int(share * len(took)))]


def table(results: dict[str, dict[str, Times]]) -> list[str]:
    """A line for each thing that was asked for: the median and the 95th percentile on each database."""
    heads = [f"{name}: p50, ms | p95, ms | CPU here, p95, ms" for name in results]
    lines = [f"| asked for | {' | '.join(heads)} |", "| --- |" + " --- |" * 3 * len(results)]
    for asked in ASKED:
        cells = [
            f"{at(found[asked].took, 0.5):.1f} | {at(found[asked].took, 0.95):.1f} | "
            f"{at(found[asked].cpu, 0.95):.1f}"
            for found in results.values()
        ]
        lines.append(f"| {asked} | {' | '.join(cells)} |")
    return lines


@contextmanager
def _databases(folder: Path, size: Size, postgres: bool) -> Iterator[dict[str, str]]:
    """Their addresses. SQLite's file is kept for the next run."""
    file = folder / f"reporting-{size.transcripts}-{size.connections}.db"
    urls = {"SQLite": f"sqlite+aiosqlite:///{file}"}
    if not file.exists():
        _fill(urls["SQLite"], size, "SQLite")
    if not postgres:
        yield urls
        return
    from support.postgres_server import (  # type: ignore[import-not-found]  # noqa: PLC0415 - of the tests
        PostgresServer,
    )

    with PostgresServer() as server:
        urls["PostgreSQL"] = server.create_database("records")
        _fill(urls["PostgreSQL"], size, "PostgreSQL")
        asyncio.run(_analyzed(urls["PostgreSQL"]))
        yield urls


def _fill(url: str, size: Size, name: str) -> None:
    began = time.monotonic()
    migration_s = asyncio.run(fill(url, size))
    filling_s = time.monotonic() - began - migration_s
    print(f"{name}: filled in {filling_s:.0f} s, migrated in {migration_s:.0f} s", flush=True)


async def _analyzed(url: str) -> None:
    """What autovacuum would do within minutes."""
    engine = make_engine(url, statement_s=300.0)
    async with engine.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(
            text("VACUUM ANALYZE")
        )
    await engine.dispose()


@click.command()
@click.option("--postgres", is_flag=True, help="Measure PostgreSQL, too; needs tests/ on PYTHONPATH.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="Of the size, for a trial.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(tempfile.gettempdir()),
    show_default=True,
    help="Where the filled file is kept.",
)
def main(postgres: bool, scale: float, folder: Path) -> None:
    """Measure; exit code 1 if anything takes longer than it may."""
    size = Size().scaled(scale)
    results: dict[str, dict[str, Times]] = {}
    exports: dict[str, Any] = {}
    with _databases(folder, size, postgres) as urls:
        for name, url in urls.items():
            results[name] = asyncio.run(_measure(url, size))
            exports[name] = asyncio.run(_export(url))
    print(f"{size.transcripts:,} transcript entries, {size.connections:,} connections; ", end="")
    print(describe_machine()["machine"])
    print("\n".join(table(results)))
    for name, (took, rate) in exports.items():
        print(f"{name}: an audit export of a day took {took:.1f} s, {rate:,.0f} lines/s")
    slow = [
        f"{asked} on {name}"
        for name, found in results.items()
        for asked in ASKED
        if at(found[asked].took, 0.95) > LIMIT_MS
    ]
    print(f"p95 of more than {LIMIT_MS:g} ms: {', '.join(slow) or 'none'}")
    sys.exit(bool(slow))


if __name__ == "__main__":
    main()
