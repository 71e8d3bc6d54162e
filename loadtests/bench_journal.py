"""What an entry costs in the journal: ``python -m loadtests.bench_journal [--redis URL]``.

Entries of 300 bytes over 1,000 streams of 200 workspaces, one an append, in commits of 1, 50 and 500. Two
figures a row: back to back (how many a second at most), and paced at 10,000 entries a second where the
store can (the share of a core that this takes). CPU is that of this process, its threads included, and,
for Redis, that of the server apart. Keep in mind what else ran: compare like loads only.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import psutil

from actors.journal import Appended, Durability, GroupWriter, Journal, NewEntry, StreamAppend
from actors.journal.sqlite import SqliteJournal
from loadtests.machine import describe_machine

STREAMS = 1_000
WORKSPACES = 200
PAYLOAD = bytes(range(250)) + bytes(50)
PACED_PER_S = 10_000
COMMITS = (1, 50, 500)


@dataclass
class Feed:
    """The next append of each stream in turn."""

    seqs: list[int]

    def take(self, count: int, numbers: Sequence[int]) -> list[StreamAppend]:
        """One append to each of the numbered streams."""
        at = time.time_ns() // 1_000_000
        batch = []
        for number in islice(cycle(numbers), count):
            self.seqs[number] += 1
            entry = NewEntry("session/update", PAYLOAD, at)
            batch.append(
                StreamAppend(
                    f"session/{number:032x}", f"w/{number % WORKSPACES:032x}", 1, self.seqs[number], [entry]
                )
            )
        return batch


@dataclass(frozen=True)
class Cost:
    """Of one run."""

    entries_per_s: float
    cpu_us: float
    server_us: float | None
    core_share: float


class Meter:
    """CPU and wall time from its making on."""

    def __init__(self, server: psutil.Process | None) -> None:
        self._server = server
        self._server_cpu = self._server_seconds()
        self._cpu = time.process_time()
        self._wall = time.perf_counter()

    def cost(self, entries: int) -> Cost:
        """What so many entries took."""
        cpu, wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        server = self._server_seconds() - self._server_cpu
        return Cost(
            entries / wall,
            cpu / entries * 1e6,
            None if self._server is None else server / entries * 1e6,
            cpu / wall,
        )

    def _server_seconds(self) -> float:
        if self._server is None:
            return 0.0
        times = self._server.cpu_times()
        return float(times.user + times.system)


async def back_to_back(
    journal: Journal, feed: Feed, per_commit: int, seconds: float, meter: Callable[[], Meter]
) -> Cost:
    """Commit after commit; streams in turn, so that each commit touches as many as it can."""
    measured, entries, first = meter(), 0, 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        numbers = [(first + n) % STREAMS for n in range(min(per_commit, STREAMS))]
        results = await journal.append(feed.take(per_commit, numbers))
        if not all(isinstance(result, Appended) for result in results):
            raise RuntimeError("an append was refused")
        first += per_commit
        entries += per_commit
    return measured.cost(entries)


async def paced(
    journal: Journal, feed: Feed, per_commit: int, seconds: float, meter: Callable[[], Meter]
) -> Cost:
    """PACED_PER_S entries a second through a group writer, handed in in gusts of ``per_commit``."""
    writer = GroupWriter(journal)
    told = 0

    def on_told(result: object) -> None:
        nonlocal told
        told += isinstance(result, Appended)

    measured, first, submitted = meter(), 0, 0
    began = time.perf_counter()
    while (now := time.perf_counter() - began) < seconds:
        while submitted < now * PACED_PER_S:
            numbers = [(first + n) % STREAMS for n in range(min(per_commit, STREAMS))]
            for append in feed.take(per_commit, numbers):
                writer.submit(append, on_told)
            first += per_commit
            submitted += per_commit
        await asyncio.sleep(per_commit / PACED_PER_S)
    if await writer.close(30.0) or told != submitted:
        raise RuntimeError("not all appends were committed")
    return measured.cost(submitted)


@asynccontextmanager
async def sqlite(durability: Durability, folder: Path) -> AsyncIterator[Journal]:
    """A journal in a new file."""
    journal = await SqliteJournal.open(folder / f"{durability}-{time.time_ns()}.db", durability)
    yield journal
    await journal.close()


@asynccontextmanager
async def redis(url: str) -> AsyncIterator[Journal]:
    """A journal on a running server. Its streams are deleted afterwards."""
    from actors.journal.redis import RedisJournal  # noqa: PLC0415 - the one that needs the redis package

    journal = await RedisJournal.open(url)
    yield journal
    for stream in await journal.streams(limit=STREAMS):
        await journal.delete(stream)
    await journal.close()


async def measure(name: str, journal: Journal, seconds: float, server: psutil.Process | None) -> None:
    """Print the rows of one store."""
    feed = Feed([0] * STREAMS)
    for start in range(0, STREAMS, 500):
        await journal.append(feed.take(500, range(start, start + 500)))
    gc.collect()
    gc.freeze()

    def meter() -> Meter:
        return Meter(server)

    for per_commit in COMMITS:
        most = await back_to_back(journal, feed, per_commit, seconds, meter)
        line = f"| {name} | {per_commit} | {most.entries_per_s:,.0f} | {most.cpu_us:.1f} |"
        line += " |" if most.server_us is None else f" {most.server_us:.1f} |"
        if most.entries_per_s > 1.2 * PACED_PER_S:
            steady = await paced(journal, feed, per_commit, seconds, meter)
            line += f" {steady.entries_per_s:,.0f} | {steady.core_share:.0%} |"
        print(line if line.count("|") > 6 else f"{line} | |", flush=True)


async def run(seconds: float, folder: Path, redis_url: str | None, redis_pid: int | None) -> None:
    for key, value in describe_machine().items():
        print(f"{key}: {value}")
    print("\n| store | a commit | entries/s | µs CPU an entry | µs at the server | paced/s | core |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    durabilities: tuple[Durability, ...] = ("process", "disk")
    for durability in durabilities:
        async with sqlite(durability, folder) as journal:
            await measure(f"SQLite, {durability}", journal, seconds, None)
    if redis_url is not None:
        async with redis(redis_url) as journal:
            server = None if redis_pid is None else psutil.Process(redis_pid)
            await measure("Redis", journal, seconds, server)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each of the two parts of a row")
    parser.add_argument("--folder", type=Path, help="where the SQLite files are made")
    parser.add_argument("--redis", help="redis:// URL of a server that has nothing else to keep")
    parser.add_argument("--redis-pid", type=int, help="its process, if it is on this machine")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        asyncio.run(run(options.seconds, Path(folder), options.redis, options.redis_pid))


if __name__ == "__main__":
    main()
