"""The same agent and the same work over ACP and over the HTTP of before: latency and throughput (NFR-001).

``python -m loadtests.comparison`` starts LumiLink before an ACP agent, and two sets of AgentAPI servers, see
``agentapi_stub.py``. On each, users prompt again and again; an operation is a prompt, from its sending to its
last update and its end. Trials take turns; ratios are taken within a round, and their medians judged: ACP
must have at least 50 % less mean latency and 30 % more throughput. ``--page`` writes the table into the docs.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import uvloop

from actors.errors import LumiLinkError, SettingsError
from loadtests.machine import describe_machine
from loadtests.operations import User, acp_users, http_users
from loadtests.processes import free_port, launched
from loadtests.targets import LUMILINK
from loadtests.wire import Orders

LESS_LATENCY: Final = 0.5
MORE_THROUGHPUT: Final = 0.3
PAGE: Final = Path("docs/performance.md")
BEGIN: Final = "<!-- comparison:begin (written by loadtests.comparison) -->"
END: Final = "<!-- comparison:end -->"
AGENT_READY_S: Final = 60.0
GATEWAY_READY_S: Final = 240.0
WARM_UP_OPERATIONS: Final = 1


@dataclass(frozen=True)
class Workload:
    """What one operation is."""

    name: str
    orders: Orders


@dataclass(frozen=True)
class Way:
    """One way from a user to the agent."""

    name: str
    title: str


ACP: Final = Way("acp", "ACP, LumiLink")
PTY: Final = Way("pty", "AgentAPI, terminal")
ACP_MODE: Final = Way("acp-mode", "AgentAPI, its ACP mode")
PATHS: Final = (ACP, PTY, ACP_MODE)
WORKLOADS: Final = (
    Workload("a short answer: 5 updates at once", Orders(updates=5)),
    Workload("a tool's output: 100 updates at once", Orders(updates=100)),
    Workload("a model's pace: 50 updates, one each 20 ms", Orders(updates=50, interval=0.02)),
)


@dataclass(frozen=True)
class Trial:
    """One path under one workload. Latency is in ms, throughput in operations a second."""

    path: str
    workload: str
    round: int
    latency_ms: float
    throughput: float
    operations: int


@dataclass
class _Count:
    """What the users of a trial did within its time."""

    end: float
    latencies: list[float] = field(default_factory=list)


async def measure(users: Sequence[User], orders: Orders, seconds: float) -> tuple[float, float, int]:
    """Mean latency in ms, operations a second, and how many there were.

    Every user has one operation before the time begins. One that is not over at the time's end is waited for,
    and counts for the part of it that lies within: slow operations would otherwise be left out.
    """
    for _ in range(WARM_UP_OPERATIONS):
        await asyncio.gather(*(user.operate(orders) for user in users))
    begin = time.monotonic()
    count = _Count(begin + seconds)
    done = await asyncio.gather(*(_operate(user, orders, count) for user in users))
    return 1000 * statistics.fmean(count.latencies), sum(done) / seconds, len(count.latencies)


async def _operate(user: User, orders: Orders, count: _Count) -> float:
    """Operate until the end; returns how many operations fit in."""
    done = 0.0
    while (began := time.monotonic()) < count.end:
        await user.operate(orders)
        took = time.monotonic() - began
        count.latencies.append(took)
        done += min(1.0, (count.end - began) / took)
    return done


@asynccontextmanager
async def all_users(
    addresses: dict[str, str], count: int, cwd: str
) -> AsyncIterator[dict[str, Sequence[User]]]:
    """The users of every path."""
    async with AsyncExitStack() as stack:
        yield {
            ACP.name: await stack.enter_async_context(acp_users(addresses[ACP.name], count, cwd)),
            PTY.name: await stack.enter_async_context(http_users(addresses[PTY.name], count)),
            ACP_MODE.name: await stack.enter_async_context(http_users(addresses[ACP_MODE.name], count)),
        }


async def run(addresses: dict[str, str], users: int, rounds: int, seconds: float, cwd: str) -> list[Trial]:
    """All trials; the order of the paths turns from one to the next."""
    trials: list[Trial] = []
    async with all_users(addresses, users, cwd) as everybody:
        for number in range(1, rounds + 1):
            for at, workload in enumerate(WORKLOADS):
                turn = (number + at) % len(PATHS)
                for path in (*PATHS[turn:], *PATHS[:turn]):
                    found = await measure(everybody[path.name], workload.orders, seconds)
                    trials.append(Trial(path.name, workload.name, number, *found))
                    print(f"round {number}, {path.title}, {workload.name}: {found[0]:.1f} ms", flush=True)
    return trials


# ---------------------------------------------------------------------- what came of it


@dataclass(frozen=True)
class Verdict:
    """One workload against one HTTP path: medians over the rounds of ratios within a round."""

    workload: str
    path: Way
    less_latency: float
    more_throughput: float

    @property
    def is_met(self) -> bool:
        """Whether both goals are reached."""
        return self.less_latency >= LESS_LATENCY and self.more_throughput >= MORE_THROUGHPUT

    @property
    def text(self) -> str:
        """Met, or by how much it is not."""
        missing = []
        if self.less_latency < LESS_LATENCY:
            missing.append(f"latency by {100 * (LESS_LATENCY - self.less_latency):.0f} points")
        if self.more_throughput < MORE_THROUGHPUT:
            missing.append(f"throughput by {100 * (MORE_THROUGHPUT - self.more_throughput):.0f} points")
        return "met" if self.is_met else f"missed: {', '.join(missing)}"


def judge(trials: Sequence[Trial]) -> list[Verdict]:
    """Each workload against each HTTP path."""
    by_key = {(one.path, one.workload, one.round): one for one in trials}
    rounds = sorted({one.round for one in trials})
    verdicts = []
    for workload in WORKLOADS:
        ours = [by_key[ACP.name, workload.name, number] for number in rounds]
        for path in PATHS[1:]:
            theirs = [by_key[path.name, workload.name, number] for number in rounds]
            pairs = list(zip(ours, theirs, strict=True))
            latency = statistics.median(our.latency_ms / their.latency_ms for our, their in pairs)
            throughput = statistics.median(our.throughput / their.throughput for our, their in pairs)
            verdicts.append(Verdict(workload.name, path, 1 - latency, throughput - 1))
    return verdicts


def table(trials: Sequence[Trial]) -> str:
    """Medians of the rounds and verdicts, as Markdown."""
    lines = ["| workload | path | mean latency ms | operations/s |", "|---|---|---|---|"]
    for workload in WORKLOADS:
        for path in PATHS:
            own = [one for one in trials if (one.path, one.workload) == (path.name, workload.name)]
            latency = statistics.median(one.latency_ms for one in own)
            throughput = statistics.median(one.throughput for one in own)
            lines.append(f"| {workload.name} | {path.title} | {latency:,.1f} | {throughput:,.1f} |")
    lines += ["", "| ACP against | workload | latency | throughput | NFR-001 |", "|---|---|---|---|---|"]
    for one in judge(trials):
        changes = f"{-one.less_latency:+.1%} | {1 + one.more_throughput:,.2f} times"
        lines.append(f"| {one.path.title} | {one.workload} | {changes} | {one.text} |")
    return "\n".join(lines)


def report(trials: Sequence[Trial], users: int, seconds: float) -> str:
    """The section of the page."""
    rounds = len({one.round for one in trials})
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    machine = "; ".join(describe_machine().values())
    load = f"load average {os.getloadavg()[1]:.0f}, other work on the machine included"
    how = f"{date}; {users} users, {rounds} rounds of {seconds:g} s; {machine}; {load}."
    return f"\n{how}\n\n{table(trials)}\n"


def write_page(text: str, page: Path = PAGE) -> None:
    """Put the text between the page's marks. Raises SettingsError where they are missing."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SettingsError(f"{page} has no marks for the comparison")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


@click.command()
@click.option("--users", default=10, show_default=True, type=click.IntRange(1, 100))
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--seconds", default=8.0, show_default=True, type=click.FloatRange(1.0))
@click.option("--page", "to_page", is_flag=True, help="Write the table into docs/performance.md.")
def main(users: int, rounds: int, seconds: float, to_page: bool) -> None:
    """Compare the paths; ends with 1 if ACP misses a goal against AgentAPI as it ships."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="comparison-")))
        try:
            addresses = _start(stack, folder)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                trials = runner.run(run(addresses, users, rounds, seconds, str(folder)))
            text = report(trials, users, seconds)
            print(text)
            if to_page:
                write_page(text)
        except LumiLinkError as error:
            raise click.ClickException(str(error)) from None
    if not all(verdict.is_met for verdict in judge(trials) if verdict.path is PTY):
        raise SystemExit(1)


def _start(stack: ExitStack, folder: Path) -> dict[str, str]:
    """Start everything; returns where it is."""

    def module(name: str, *options: str) -> str:
        command = [sys.executable, "-m", f"loadtests.{name.partition('-')[0]}", *options]
        process = stack.enter_context(launched(name, command, folder))
        return process.wait_ready(AGENT_READY_S)[0]

    agent = module("stub_agent")
    port = free_port()
    assert LUMILINK.command is not None
    command = LUMILINK.command(port, agent, folder / "data")
    gateway = stack.enter_context(launched("gateway", command, folder, LUMILINK.stop_within_s))
    url = gateway.wait_ready(GATEWAY_READY_S)[0]
    return {
        ACP.name: f"{url.replace('http', 'ws', 1)}/acp",
        PTY.name: module("agentapi_stub-pty", "--transport", "pty"),
        ACP_MODE.name: module("agentapi_stub-acp", "--transport", "acp"),
    }


if __name__ == "__main__":
    main()
