"""A thundering herd: thousands of new sessions in a second at a gateway that has room for some of them.

``python -m loadtests.herd`` starts a gateway and the stub agent, opens sessions that stream, and lets the
herd come. Exactly as many are to be admitted as there is room for, all others are to hear so within a second,
and those that run are not to notice. Ends with 1 where one of the first two is not so.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import msgspec
import uvloop
from picows import WSError

from actors.errors import LumiLinkError
from loadtests.client_session import ClientSession, Tally
from loadtests.herd_socket import ADMITTED, HerdSocket, HerdTally
from loadtests.histogram import LatencyHistogram
from loadtests.limits import ensure_open_files
from loadtests.measure import end_on_sigterm
from loadtests.processes import free_port, launched
from loadtests.targets import LUMILINK
from loadtests.wire import Orders

FIRST_WORD_WITHIN_S: Final = 1.0
_WAIT_S: Final = 10.0
_ANSWER_WITHIN_S: Final = 30.0
_BEGIN_WITHIN_S: Final = 30.0
_READY_WITHIN_S: Final = 15.0
_OPEN_EVERY_S: Final = 0.04
_STREAM_EVERY_S: Final = 1.0
_WAVE_EVERY_S: Final = 0.01
_SPARE_FILES: Final = 500
_WORKSPACES: Final = 101
_CLIENT: Final = {"protocolVersion": 1, "clientCapabilities": {}}


@dataclass(frozen=True)
class HerdPlan:
    """``running`` sessions stream at a gateway of ``capacity`` when ``herd`` more are asked for.

    The herd takes ``seconds`` to come; those that run are watched for ``before_s`` seconds before. The
    capacity is that of all ``workers`` together, which have to divide it.
    """

    capacity: int = 1000
    running: int = 400
    herd: int = 5000
    sockets: int = 50
    seconds: float = 1.0
    before_s: float = 10.0
    workers: int = 1
    replicas: int = 1

    @property
    def free(self) -> int:
        """How many of the herd there is room for."""
        return self.capacity - self.running


@dataclass(frozen=True)
class HerdResult:
    """What came of the herd. Times in ms; None where nothing was counted."""

    free: int
    asked: int
    asked_in_s: float
    outcomes: dict[str, int]
    waited: int
    heard_in_time: int
    first_word_p50_ms: float | None
    first_word_p99_ms: float | None
    first_word_max_ms: float | None
    admitted_p99_ms: float | None
    with_room_p50_ms: float | None
    with_room_p99_ms: float | None
    updates_before_p99_ms: float | None
    updates_during_p99_ms: float | None

    @property
    def is_kept(self) -> bool:
        """Whether exactly as many were admitted as there was room for, and all others heard so in time."""
        exact = self.outcomes.get(ADMITTED, 0) == min(self.free, self.asked)
        without_place = self.asked - self.outcomes.get(ADMITTED, 0)
        return exact and sum(self.outcomes.values()) == self.asked and self.heard_in_time == without_place


async def run_herd(plan: HerdPlan, url: str, cwd: str) -> HerdResult:
    """Open the running sessions, let the herd come, and wait for every answer."""
    sessions, with_room = await _open_running(plan, url, cwd)
    tally = HerdTally()
    herd = [HerdSocket(tally, FIRST_WORD_WITHIN_S) for _ in range(plan.sockets)]
    await asyncio.gather(*(one.begin(url, _BEGIN_WITHIN_S) for one in herd))
    gc.collect()
    gc.freeze()
    before = _watch(sessions)
    await asyncio.sleep(plan.before_s)
    during = _watch(sessions)
    asked_in_s = await _come(plan, herd, cwd)
    await _all_answered(tally)
    for client in herd:
        client.close()
    for session in sessions:
        session.close()
    return HerdResult(
        free=plan.free,
        asked=tally.asked,
        asked_in_s=asked_in_s,
        outcomes=dict(tally.outcomes),
        waited=tally.waited,
        heard_in_time=tally.in_time,
        first_word_p50_ms=tally.first_word.quantile_ms(0.5),
        first_word_p99_ms=tally.first_word.quantile_ms(0.99),
        first_word_max_ms=tally.first_word.quantile_ms(1.0),
        admitted_p99_ms=tally.admitted.quantile_ms(0.99),
        with_room_p50_ms=with_room.quantile_ms(0.5),
        with_room_p99_ms=with_room.quantile_ms(0.99),
        updates_before_p99_ms=before.latency.quantile_ms(0.99),
        updates_during_p99_ms=during.latency.quantile_ms(0.99),
    )


async def _open_running(plan: HerdPlan, url: str, cwd: str) -> tuple[list[ClientSession], LatencyHistogram]:
    """The sessions that run, each on a socket of its own, and how long ``session/new`` took with room."""
    sessions = [ClientSession() for _ in range(plan.running)]
    for session in sessions:
        async with asyncio.timeout(_BEGIN_WITHIN_S):
            await session.connect(url)
            await session.ask("initialize", _CLIENT)
    took = LatencyHistogram()
    opening = []
    for number, session in enumerate(sessions):
        opening.append(asyncio.ensure_future(_open(session, workspace(cwd, number), took)))
        await asyncio.sleep(_OPEN_EVERY_S)
    await asyncio.gather(*opening)
    return sessions, took


async def _open(session: ClientSession, cwd: str, took: LatencyHistogram) -> None:
    began = time.monotonic_ns()
    async with asyncio.timeout(_BEGIN_WITHIN_S):
        answer = await session.ask("session/new", {"cwd": cwd, "mcpServers": []})
    took.record(time.monotonic_ns() - began)
    session.session_id = msgspec.json.decode(answer.result)["sessionId"]
    session.prompt(Orders(updates=100_000, interval=_STREAM_EVERY_S))


def workspace(cwd: str, number: int) -> str:
    """Where the session with this number works: there are some hundred workspaces."""
    return f"{cwd}/{number % _WORKSPACES}"


def _watch(sessions: list[ClientSession]) -> Tally:
    """Count the updates of all sessions from now on together."""
    tally = Tally(time.monotonic_ns(), sys.maxsize)
    for session in sessions:
        session.tally = tally
    return tally


async def _come(plan: HerdPlan, herd: list[HerdSocket], cwd: str) -> float:
    """The herd comes, evenly over ``seconds``; returns how long it took in fact."""
    began = time.monotonic()
    due = 0
    while True:
        asked, due = due, min(plan.herd, round(plan.herd * (time.monotonic() - began) / plan.seconds))
        for number in range(asked, due):
            herd[number % len(herd)].ask(workspace(cwd, number))
        if due == plan.herd:
            return time.monotonic() - began
        await asyncio.sleep(_WAVE_EVERY_S)


async def _all_answered(tally: HerdTally) -> None:
    """Wait for every answer, or as long as one may take; what is unanswered then shows in the result."""
    try:
        async with asyncio.timeout(_WAIT_S + _ANSWER_WITHIN_S):
            while tally.answered < tally.asked:
                tally.changed.clear()
                await tally.changed.wait()
    except TimeoutError:
        return


def measure(plan: HerdPlan) -> HerdResult:
    """Start gateway and agent, run the herd, stop them. Raises an error of ours where one does not start."""
    assert LUMILINK.command is not None
    with tempfile.TemporaryDirectory(prefix="lumilink-herd-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        agent = [sys.executable, "-m", "loadtests.stub_agent"]
        with launched("agent", agent, folder) as stub:
            target, _ = stub.wait_ready(_READY_WITHIN_S)
            command = LUMILINK.command(free_port(), target, folder / "data")
            command += ["--sessions-per-worker", str(plan.capacity // plan.workers)]
            command += ["--workers", str(plan.workers), "--config", str(_config(plan, folder))]
            with launched("gateway", command, folder, LUMILINK.stop_within_s) as gateway:
                address, _ = gateway.wait_ready(LUMILINK.ready_within_s)
                url = f"{address.replace('http', 'ws', 1)}/acp"
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    return runner.run(run_herd(plan, url, name))


def _config(plan: HerdPlan, folder: Path) -> Path:
    file = folder / "lumilink.toml"
    file.write_text(f"ingress_replicas = {plan.replicas}\n")
    return file


def text(plan: HerdPlan, result: HerdResult) -> str:
    """The result in lines for the terminal."""
    by_code = ", ".join(f"{count} {code}" for code, count in sorted(result.outcomes.items()))
    lines = [
        f"{result.asked} new sessions asked for in {result.asked_in_s:.2f} s on {plan.sockets} connections",
        f"room for {result.free} of them: {by_code}; {result.waited} were told that they wait",
        f"heard within {FIRST_WORD_WITHIN_S:g} s that they wait or are refused: {result.heard_in_time}",
        f"  p50 {_ms(result.first_word_p50_ms)}, p99 {_ms(result.first_word_p99_ms)}",
        f"  longest {_ms(result.first_word_max_ms)}",
        f"those with a place had their session within {_ms(result.admitted_p99_ms)} (p99)",
        f"session/new with room: p50 {_ms(result.with_room_p50_ms)}, p99 {_ms(result.with_room_p99_ms)}",
        f"updates of {plan.running} running sessions: p99 {_ms(result.updates_before_p99_ms)} before",
        f"  and {_ms(result.updates_during_p99_ms)} while the herd came and was answered",
        "kept" if result.is_kept else "NOT KEPT",
    ]
    return "\n".join(lines)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


@click.command()
@click.option("--capacity", default=1000, show_default=True, type=click.IntRange(1))
@click.option("--running", default=400, show_default=True, type=click.IntRange(0))
@click.option("--herd", default=5000, show_default=True, type=click.IntRange(1))
@click.option("--sockets", default=50, show_default=True, type=click.IntRange(1))
@click.option("--seconds", default=1.0, show_default=True, type=click.FloatRange(0.1))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1))
@click.option("--replicas", default=1, show_default=True, type=click.IntRange(1))
def main(
    capacity: int, running: int, herd: int, sockets: int, seconds: float, workers: int, replicas: int
) -> None:
    """Let a herd come once and print what came of it."""
    end_on_sigterm()
    plan = HerdPlan(capacity, running, herd, sockets, seconds, workers=workers, replicas=replicas)
    try:
        ensure_open_files(running + sockets + _SPARE_FILES)
        result = measure(plan)
    except (LumiLinkError, OSError, WSError, TimeoutError) as error:
        raise click.ClickException(f"{type(error).__name__}: {error}") from None
    print(text(plan, result))
    sys.exit(0 if result.is_kept else 1)


if __name__ == "__main__":
    main()
