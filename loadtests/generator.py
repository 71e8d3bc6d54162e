"""The load generator: opens sessions on a target, loads them, and prints one JSON line of results.

``python -m loadtests.generator --url ws://H:P/acp --sessions 1000 --phase open:1:10 --phase closed:100:5``.
`loadtests.results.GeneratorResult` says what is printed. Processes given with ``--watch ROLE=PID`` are
measured in the same windows as the load.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import msgspec
import uvloop
from picows import WSError

from actors.errors import LumiLinkError
from loadtests.client_session import ClientSession
from loadtests.limits import ensure_open_files
from loadtests.phases import Phase, parse_phase
from loadtests.results import AgentReport, GeneratorResult
from loadtests.watch import ProcessWatch, parse_roles

_OPEN_WITHIN_S: Final = 30.0
_SETTLE_S: Final = 1.0
_SPARE_FILES: Final = 100


@dataclass(frozen=True)
class Plan:
    """What to do: ``sessions`` on ``url``, ``parallel`` of them opening at once, then the phases in order.

    ``agent`` is the stub agent's own address, to ask it how late it was.
    """

    url: str
    sessions: int
    phases: tuple[Phase, ...]
    parallel: int = 32
    size: int = 128
    agent: str | None = None
    cwd: str = str(Path.cwd())


async def run_plan(plan: Plan, watch: ProcessWatch) -> GeneratorResult:
    """Carry out ``plan``. What fails is counted, not raised."""
    memory_before = watch.rss_bytes()
    sessions, refused, open_s = await open_sessions(plan)
    await asyncio.sleep(_SETTLE_S)
    memory = watch.rss_bytes()
    gc.collect()
    gc.freeze()
    phases = []
    for phase in plan.phases if sessions else ():
        await _ask_lateness(plan.agent)
        result = await phase.run(sessions, plan.size, watch)
        late = await _ask_lateness(plan.agent)
        phases.append(msgspec.structs.replace(result, agent_late_p99_ms=late))
    dropped = sum(session.dropped for session in sessions)
    for session in sessions:
        session.close()
    return GeneratorResult(
        url=plan.url,
        asked=plan.sessions,
        opened=len(sessions),
        refused=refused,
        dropped=dropped,
        open_s=open_s,
        memory_bytes={role: memory[role] - memory_before[role] for role in memory},
        phases=phases,
    )


async def open_sessions(plan: Plan) -> tuple[list[ClientSession], dict[str, int], float]:
    """All sessions that open, the refused ones by reason, and the seconds that it took."""
    opened: list[ClientSession] = []
    refused: Counter[str] = Counter()
    numbers = iter(range(plan.sessions))
    start = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(min(plan.parallel, plan.sessions)):
            group.create_task(_open_one_by_one(plan, numbers, opened, refused))
    return opened, dict(refused), time.monotonic() - start


async def _open_one_by_one(
    plan: Plan, numbers: Iterator[int], opened: list[ClientSession], refused: Counter[str]
) -> None:
    for _ in numbers:
        session = ClientSession()
        try:
            await session.open(plan.url, plan.cwd, _OPEN_WITHIN_S)
        except (OSError, WSError, LumiLinkError, msgspec.DecodeError) as error:
            refused[f"{type(error).__name__}: {error}"] += 1
            session.close()
        else:
            opened.append(session)


async def _ask_lateness(agent: str | None) -> float | None:
    """The agent's lateness in ms since it was last asked; None where there is no agent to ask."""
    if agent is None:
        return None
    session = ClientSession()
    try:
        async with asyncio.timeout(_OPEN_WITHIN_S):
            await session.connect(agent)
            answer = await session.ask("_bench/report", {})
    finally:
        session.close()
    return msgspec.json.decode(answer.result, type=AgentReport).late_p99_ms


@click.command()
@click.option("--url", required=True, help="Where the sessions are opened: ws://HOST:PORT/acp.")
@click.option("--sessions", default=100, show_default=True, type=click.IntRange(1))
@click.option(
    "--phase", "phases", multiple=True, help="open:RATE:SECONDS or closed:SESSIONS:SECONDS; repeatable."
)
@click.option(
    "--parallel", default=32, show_default=True, type=click.IntRange(1), help="Sessions opening at once."
)
@click.option(
    "--size", default=128, show_default=True, type=click.IntRange(33), help="Bytes of text an update."
)
@click.option("--agent", help="The stub agent's own address, to report how late it was.")
@click.option("--watch", multiple=True, help="ROLE=PID[,PID]: measure these processes as well; repeatable.")
def main(
    url: str,
    sessions: int,
    phases: Sequence[str],
    parallel: int,
    size: int,
    agent: str | None,
    watch: Sequence[str],
) -> None:
    """Load a target and print one JSON line of results."""
    try:
        plan = Plan(url, sessions, tuple(map(parse_phase, phases)), parallel, size, agent)
        roles = parse_roles(watch)
        ensure_open_files(sessions + _SPARE_FILES)
    except LumiLinkError as error:
        raise click.ClickException(str(error)) from None
    gc.disable()  # a collection in the measuring process would be booked to the target's latency
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(run_plan(plan, ProcessWatch(roles)))
    print(msgspec.json.encode(result).decode(), flush=True)


if __name__ == "__main__":
    main()
