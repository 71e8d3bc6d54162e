"""What an entry costs in the journal: ``python -m loadtests.bench_journal [--redis URL]``.

Entries of 300 bytes over 1,000 streams of 200 workspaces, in commits of so many entries, in appends of so
many. Two figures a row: back to back (how many a second at most), and paced at 10,000 entries a second
through a group writer where the store can (the share of a core that this takes). CPU is that of this process,
its threads included, and, for Redis, that of the server apart. Compare like loads only.
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
from pathlib import Path

import psutil

from actors.journal import Appended, AppendResult, Durability, GroupWriter, Journal, NewEntry, StreamAppend
from actors.journal.sqlite import SqliteJournal
from loadtests.machine import describe_machine

STREAMS = 1_000
WORKSPACES = 200
PAYLOAD = bytes(range(250)) + bytes(50)
PACED_PER_S = 10_000
SHAPES = ((1, 1), (1, 50), (1, 500), (10, 500), (50, 500))
"""Entries an append, entries a commit."""


class Stream:
    """The entries of one stream, and an ``AppendSource`` of them."""

    def __init__(self, number: int) -> None:
        self.committed = 0
        self._name = f"session/{number:032x}"
        self._workspace = f"w/{number % WORKSPACES:032x}"
        self._next_seq = 1
        self._waiting: list[NewEntry] = []

    def say(self, count: int, at: int) -> None:
        """So many entries more wait."""
        self._waiting += [NewEntry("update", PAYLOAD, at) for _ in range(count)]

    def take(self) -> StreamAppend:
        """See ``AppendSource``."""
        taken, self._waiting = self._waiting, []
        first_seq = self._next_seq
        self._next_seq += len(taken)
        return StreamAppend(self._name, self._workspace, 1, first_seq, taken)

    def told(self, result: AppendResult) -> None:
        """See ``AppendSource``."""
        if not isinstance(result, Appended):
            raise RuntimeError("an append was refused")
        self.committed = result.last_seq


@dataclass
class Load:
    """What is written: each stream in its turn says ``an_append`` entries, up to ``a_commit`` in one go."""

    streams: Sequence[Stream]
    an_append: int
    a_commit: int
    _next: int = 0

    def gust(self) -> list[Stream]:
        """The streams that have said something."""
        at = time.time_ns() // 1_000_000
        count = self.a_commit // self.an_append
        speaking = [self.streams[(self._next + n) % len(self.streams)] for n in range(count)]
        self._next += count
        for stream in speaking:
            stream.say(self.an_append, at)
        return speaking

    def committed(self) -> int:
        """How many entries are, as the streams were told."""
        return sum(stream.committed for stream in self.streams)


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


async def back_to_back(journal: Journal, load: Load, seconds: float, meter: Callable[[], Meter]) -> Cost:
    """Commit after commit; streams in turn, so that each commit touches as many as it can."""
    measured, entries = meter(), 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        speaking = load.gust()
        results = await journal.append([stream.take() for stream in speaking])
        for stream, result in zip(speaking, results, strict=True):
            stream.told(result)
        entries += load.a_commit
    return measured.cost(entries)


async def paced(journal: Journal, load: Load, seconds: float, meter: Callable[[], Meter]) -> Cost:
    """PACED_PER_S entries a second through a group writer, handed in in gusts of one commit each."""
    writer = GroupWriter(journal)
    before, said = load.committed(), 0
    measured, began = meter(), time.perf_counter()
    while (now := time.perf_counter() - began) < seconds:
        while said < now * PACED_PER_S:
            for stream in load.gust():
                for _ in range(load.an_append):
                    writer.add(stream, len(PAYLOAD))
            said += load.a_commit
        await asyncio.sleep(load.a_commit / PACED_PER_S)
    if await writer.close(30.0) or load.committed() - before != said:
        raise RuntimeError("not all entries were committed")
    return measured.cost(said)


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
    streams = [Stream(number) for number in range(STREAMS)]
    for stream in streams:
        stream.say(1, 0)
        stream.told(*await journal.append([stream.take()]))
    gc.collect()
    gc.freeze()

    def meter() -> Meter:
        return Meter(server)

    for an_append, a_commit in SHAPES:
        load = Load(streams, an_append, a_commit)
        most = await back_to_back(journal, load, seconds, meter)
        cells = [name, an_append, a_commit, f"{most.entries_per_s:,.0f}", f"{most.cpu_us:.1f}"]
        cells.append("" if most.server_us is None else f"{most.server_us:.1f}")
        if most.entries_per_s > 1.2 * PACED_PER_S:
            steady = await paced(journal, load, seconds, meter)
            cells += [f"{steady.entries_per_s:,.0f}", f"{steady.core_share:.0%}"]
        else:
            cells += ["", ""]
        print("|", " | ".join(str(cell) for cell in cells), "|", flush=True)


async def run(seconds: float, folder: Path, redis_url: str | None, redis_pid: int | None) -> None:
    for key, value in describe_machine().items():
        print(f"{key}: {value}")
    print(
        "\n| store | an append | a commit | entries/s | µs CPU an entry | µs at the server | paced/s | core |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
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
