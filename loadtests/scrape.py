"""What metrics cost: ``python -m loadtests.scrape``.

Three figures, each the best of several rounds, in CPU time of the process: what a worker with 1,000 sessions
tells of itself and how long that takes it, what one scrape of a whole gateway takes the metrics actor, and
what an update costs with and without its being counted, in turns. For the whole gateway at equal load compare
``python -m loadtests.spine --short`` with the same under ``LUMILINK_METRICS=false``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from unittest.mock import patch

from actors.agents.room import AgentRoom
from actors.connection.clock import TurnClock
from actors.connection.sealing import new_key
from actors.connection.stream import SessionStream
from actors.gauges import watch_worker
from actors.journal.group_commit import GroupWriter
from actors.journal.memory import MemoryJournal
from actors.kernel.system import ActorSystem
from actors.link.endpoint import LinkServer
from actors.metrics.exposition import Families, joined
from actors.metrics.gathering import Gathering, Report
from actors.metrics.meters import Meters, meters
from actors.metrics.metric import Role
from actors.metrics.process import watch_process
from actors.storage import Storage, StorageSettings
from loadtests.bench_session import Stage

SESSIONS: Final = 1000
UPDATES: Final = 20_000
WORKERS: Final = 4
REPLICAS: Final = 4
LIMIT_S: Final = 0.1
LIMIT_BYTES: Final = 200_000


class Nobody:
    """Hears how the journal fares, and does nothing."""

    def journal_pressed(self, pressed: bool) -> None:
        """It cannot keep up."""

    def journal_away(self, away: bool) -> None:
        """Its store is away."""


def _ignore(_error: BaseException) -> None:
    """Nothing escalates here."""


async def worker_meters(storage: Storage) -> Meters:
    """What a worker shows, of all sessions that are loaded in this process."""
    shown = Meters()
    watch_process(shown)
    links = LinkServer("worker-0", "secret", handler=None)  # type: ignore[arg-type] # nobody comes
    watch_worker(shown, ActorSystem(on_escalation=_ignore), links, AgentRoom(), storage)
    shown.begin(Role.WORKER)
    return shown


async def a_worker_s_report(rounds: int) -> tuple[float, Families]:
    """Seconds of CPU that a worker with 1,000 sessions takes to say how it fares, and what it says."""
    storage = await Storage.open(StorageSettings("bench", seal_key=new_key()), "worker-0", Nobody())
    stage = Stage(storage.journal, SESSIONS)
    await stage.updates(UPDATES, 1)
    shown = await worker_meters(storage)
    families = shown.families("worker-0")
    took = min(_timed(lambda: shown.families("worker-0")) for _ in range(rounds))
    stage.channel.connection_lost(None)
    await stage.writer.close(10.0)
    await storage.close()
    return took, families


def a_scrape(rounds: int, families: Families) -> tuple[float, int]:
    """Seconds of CPU of one scrape of four workers and as many replicas, and its bytes.

    All are as talkative as a worker.
    """
    gathering = Gathering()
    for number in range(WORKERS + REPLICAS):
        name = f"worker-{number}"
        told = {one: (head, lines.replace("worker-0", name)) for one, (head, lines) in families.items()}
        gathering.take(Report(Role.WORKER, name, name, told))
    return min(_timed(gathering.text) for _ in range(rounds)), len(gathering.text().encode())


@contextmanager
def _uncounted() -> Iterator[None]:
    def nothing(_self: TurnClock, _stream: SessionStream) -> None:
        """The update is not counted."""

    with patch.object(TurnClock, "update", nothing):
        yield


async def an_update_us() -> float:
    """Microseconds of CPU that an update takes, on a journal in memory."""
    journal = MemoryJournal()
    counted = meters()
    writer = GroupWriter(journal)
    stage = Stage(journal, 100, writer)
    counted.begin(Role.WORKER)
    gc.collect()
    begin = time.process_time()
    await stage.updates(UPDATES, 1)
    took = time.process_time() - begin
    stage.channel.connection_lost(None)
    await writer.close(10.0)
    await journal.close()
    return took / UPDATES * 1e6


async def counting_us(rounds: int) -> tuple[float, float]:
    """An update's cost counted, and not counted: in turns, the best of each."""
    with_it, without = [], []
    for _ in range(rounds):
        with_it.append(await an_update_us())
        with _uncounted():
            without.append(await an_update_us())
    return min(with_it), min(without)


def _timed(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


async def measure(rounds: int) -> dict[str, float]:
    """All figures."""
    report_s, families = await a_worker_s_report(rounds)
    scrape_s, scrape_bytes = a_scrape(rounds, families)
    counted, uncounted = await counting_us(rounds)
    return {
        "worker_report_ms": round(report_s * 1000, 2),
        "worker_report_bytes": len(joined([families]).encode()),
        "scrape_ms": round(scrape_s * 1000, 2),
        "scrape_bytes": scrape_bytes,
        "update_counted_us": round(counted, 2),
        "update_uncounted_us": round(uncounted, 2),
    }


def main() -> None:
    """Print the figures, and fail where a scrape of a worker is over its limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    figures = asyncio.run(measure(parser.parse_args().rounds))
    print(json.dumps(figures))
    if figures["worker_report_ms"] > LIMIT_S * 1000 or figures["worker_report_bytes"] > LIMIT_BYTES:
        raise SystemExit(f"a worker's scrape is to take under {LIMIT_S:g} s and {LIMIT_BYTES} bytes")


if __name__ == "__main__":
    main()
