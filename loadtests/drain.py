"""Draining a worker under load: how long it takes, and how long a session has no home meanwhile.

``python -m loadtests.drain`` starts a gateway with two workers and a stub agent. All sessions have short
turns, over and over, each on a WebSocket of its own; then the worker that holds most is drained. A session's
time without a home is at most what its slowest turn of that time took longer than the turn itself.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click
import httpx
import msgspec

from actors.errors import LumiLinkError
from loadtests.client_session import ClientSession
from loadtests.limits import ensure_open_files
from loadtests.processes import free_port, launched
from loadtests.targets import LUMILINK
from loadtests.wire import Orders

DRAINED_GOAL_S: Final = 30.0
HOMELESS_GOAL_S: Final = 1.0
DRAIN_LIMIT_S: Final = 120.0
OPEN_LIMIT_S: Final = 60.0
TURN_LIMIT_S: Final = 60.0
OPENING_AT_ONCE: Final = 16
WARM_UP_S: Final = 5.0
POLL_S: Final = 0.1
REPEAT_S: Final = 0.05
ORDERS: Final = Orders(updates=5, interval=0.02)
TURN_S: Final = ORDERS.updates * ORDERS.interval


class _Worker(msgspec.Struct, rename="camel"):
    worker_id: str
    pid: int
    sessions: int


class _Topology(msgspec.Struct):
    workers: list[_Worker]


@dataclass
class Client:
    """One session with its turns: each as the moment at which it began and its length, in seconds."""

    number: int
    session: ClientSession = field(default_factory=ClientSession)
    turns: list[tuple[float, float]] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    repeated: int = 0

    async def run(self, pause_s: float, ending: asyncio.Event) -> None:
        """Have turns until ``ending``, with pauses between them."""
        draw = random.Random(self.number)
        while not ending.is_set():
            began = time.monotonic()
            try:
                async with asyncio.timeout(TURN_LIMIT_S):
                    await self._turn()
            except (LumiLinkError, TimeoutError) as error:
                self.failed[f"{type(error).__name__} {error}"] += 1
            self.turns.append((began, time.monotonic() - began))
            await asyncio.sleep(pause_s * draw.uniform(0.5, 1.5))

    async def _turn(self) -> None:
        """One turn; a prompt that was not taken is sent again where the answer advises it."""
        while (error := (await self.session.prompt(ORDERS)).error) is not None:
            self.session.ordered -= ORDERS.updates
            if error.data is None or not error.data.retryable:
                self.failed[error.message] += 1
                return
            self.repeated += 1
            await asyncio.sleep(REPEAT_S)

    def slowest(self, since: float, until: float) -> float:
        """The longest that a turn of the time took longer than its updates need; seconds."""
        over = [took - TURN_S for began, took in self.turns if began < until and began + took > since]
        return max(over, default=0.0)


@dataclass(frozen=True)
class Figures:
    """What came of it; times in seconds. ``homeless`` has one for each session that was moved, rising,
    and ``before`` what it would have been in an equal time before the drain.
    """

    sessions: int
    moved: int
    drained_s: float
    homeless: list[float]
    before: list[float]
    failed: Counter[str]
    repeated: int
    lost: int

    @property
    def misses(self) -> list[str]:
        """Which goals were missed."""
        found = []
        if self.drained_s > DRAINED_GOAL_S:
            found.append(f"drained in {self.drained_s:.1f} s, not {DRAINED_GOAL_S:g} s")
        if (p99 := share(self.homeless, 0.99)) > HOMELESS_GOAL_S:
            found.append(f"p99 without a home {p99:.2f} s, not {HOMELESS_GOAL_S:g} s")
        if self.failed or self.lost:
            found.append(f"{self.failed.total()} turns failed, {self.lost} updates were lost")
        return found

    def text(self) -> str:
        """The figures, a line each."""
        p50, p99, longest = share(self.homeless, 0.5), share(self.homeless, 0.99), self.homeless[-1]
        usual = share(self.before, 0.99)
        return f"""\
sessions           {self.sessions}, {self.moved} of them on the worker that was drained
drained in         {self.drained_s:.1f} s (goal {DRAINED_GOAL_S:g} s)
without a home     p50 {p50:.2f} s, p99 {p99:.2f} s, longest {longest:.2f} s (goal p99 {HOMELESS_GOAL_S:g} s)
slowest before     p99 {usual:.2f} s: what the machine itself makes turns wait
turns that failed  {self.failed.total()} {dict(self.failed.most_common(3)) or ""}
prompts repeated   {self.repeated}
updates lost       {self.lost}"""


def share(rising: Sequence[float], part: float) -> float:
    """What this part of the values stays under."""
    return rising[min(len(rising) - 1, int(part * len(rising)))]


@asynccontextmanager
async def opened(url: str, count: int, folder: Path) -> AsyncIterator[list[Client]]:
    """``count`` sessions, each in a workspace of its own."""
    clients = [Client(number) for number in range(count)]
    gate = asyncio.Semaphore(OPENING_AT_ONCE)

    async def open_one(client: Client) -> None:
        cwd = folder / f"ws-{client.number}"
        cwd.mkdir()
        async with gate:
            client.session.tally.end_ns = sys.maxsize
            await client.session.open(f"{url.replace('http', 'ws', 1)}/acp", str(cwd), OPEN_LIMIT_S)

    try:
        await asyncio.gather(*(open_one(client) for client in clients))
        yield clients
    finally:
        for client in clients:
            client.session.close()


async def measure(url: str, clients: Sequence[Client], pause_s: float) -> Figures:
    """Drain the fuller worker while all clients work."""
    ending = asyncio.Event()
    async with httpx.AsyncClient(base_url=url, timeout=15.0) as http, asyncio.TaskGroup() as running:
        for client in clients:
            running.create_task(client.run(pause_s, ending))
        await asyncio.sleep(WARM_UP_S + 2 * pause_s)
        victim = max(await workers(http), key=lambda worker: worker.sessions)
        began = time.monotonic()
        path = f"/api/v1/workers/{victim.worker_id}/drain"
        (await http.post(path, json={"deadlineS": DRAINED_GOAL_S})).raise_for_status()
        await emptied(http, victim)
        drained_s = time.monotonic() - began
        # Whatever was moved last has had a turn since.
        await asyncio.sleep(2 * pause_s)
        ended = time.monotonic()
        ending.set()
    # Which of them were moved no client knows: those that waited longest, at worst.
    count = max(1, victim.sessions)
    homeless = sorted(client.slowest(began, ended) for client in clients)[-count:]
    before = sorted(client.slowest(2 * began - ended, began) for client in clients)[-count:]
    lost = sum(max(0, client.session.ordered - client.session.tally.carried) for client in clients)
    failed = sum((client.failed for client in clients), Counter[str]())
    repeated = sum(client.repeated for client in clients)
    return Figures(len(clients), victim.sessions, drained_s, homeless, before, failed, repeated, lost)


async def emptied(http: httpx.AsyncClient, victim: _Worker) -> None:
    """Wait until the worker holds nothing, or its next process reports. Raises TimeoutError."""
    async with asyncio.timeout(DRAIN_LIMIT_S):
        # The gateway is another process, so there is no event to wait for.
        while any(one.pid == victim.pid and one.sessions for one in await workers(http)):  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)


async def workers(http: httpx.AsyncClient) -> list[_Worker]:
    """The gateway's workers."""
    answer = await http.get("/api/v1/topology")
    return msgspec.json.decode(answer.raise_for_status().content, type=_Topology).workers


async def drive(url: str, sessions: int, pause_s: float, folder: Path) -> Figures:
    """All of it, against a gateway that runs."""
    async with opened(url, sessions, folder) as clients:
        return await measure(url, clients, pause_s)


@click.command()
@click.option("--sessions", default=1000, show_default=True, help="Sessions over two workers.")
@click.option("--pause", "pause_s", default=4.0, show_default=True, help="Seconds between two turns of one.")
def main(sessions: int, pause_s: float) -> None:
    """Drain one of two workers, and say how long that took; exit code 1 where a goal is missed."""
    ensure_open_files(4 * sessions + 1000)
    with tempfile.TemporaryDirectory(prefix="drain-") as name:
        folder = Path(name)
        stub = [sys.executable, "-m", "loadtests.stub_agent"]
        with launched("stub-agent", stub, folder) as agent:
            address, _ = agent.wait_ready(LUMILINK.ready_within_s)
            assert LUMILINK.command is not None
            command = [*LUMILINK.command(free_port(), address, folder / "data"), "--workers", "2"]
            with launched("gateway", command, folder, LUMILINK.stop_within_s) as gateway:
                url, _ = gateway.wait_ready(LUMILINK.ready_within_s)
                figures = asyncio.run(drive(url, sessions, pause_s, folder))
    print(figures.text())
    for missed in figures.misses:
        print(f"missed: {missed}")
    sys.exit(1 if figures.misses else 0)


if __name__ == "__main__":
    main()
