"""What sessions cost that nobody uses: ``python -m loadtests.idle``.

Opens sessions with a turn each at a gateway, leaves them, and waits until they are unloaded. Then: how much
memory their worker still has for each, what CPU it takes, and how long each takes to be loaded again. As many
are opened and left once before, so that what the allocator keeps of its high water is not counted.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import httpx
import psutil
import uvloop

from actors.errors import AgentUnreachableError, LumiLinkError
from loadtests.client_session import ClientSession
from loadtests.histogram import LatencyHistogram
from loadtests.limits import ensure_open_files
from loadtests.measure import end_on_sigterm
from loadtests.processes import free_port, launched
from loadtests.targets import LUMILINK, WORKER
from loadtests.wire import Orders

_SETTINGS: Final = "detached_ttl_s = 5.0\nstall_timeout_s = 4.0\n"
"""Idle sessions are unloaded soon, and looked at every 2 s."""
_OPEN_WITHIN_S: Final = 30.0
_TURN_WITHIN_S: Final = 60.0
_UNLOADED_WITHIN_S: Final = 60.0
_UPDATES: Final = 50
_QUIET_S: Final = 10.0
_SPARE_FILES: Final = 500
_CLIENT: Final = {"protocolVersion": 1, "clientCapabilities": {}}


@dataclass(frozen=True)
class IdleResult:
    """Bytes and seconds of the worker; times of ``session/load`` in milliseconds."""

    sessions: int
    bytes_a_session: float
    cpu_s_of_10: float
    load_p50_ms: float | None
    load_max_ms: float | None


async def _use(count: int, url: str, cwd: str) -> list[str]:
    """Open sessions, one turn each, and leave them; returns their ids."""
    sessions = [ClientSession() for _ in range(count)]
    for session in sessions:
        await session.open(url, cwd, _OPEN_WITHIN_S)
    turns = [session.prompt(Orders(_UPDATES, 0)) for session in sessions]
    await asyncio.wait(turns, timeout=_TURN_WITHIN_S)
    for session in sessions:
        session.close()
    return [session.session_id for session in sessions]


async def _unloaded(address: str) -> None:
    """Wait until the worker holds no session. Raises AgentUnreachableError if it goes on holding some."""
    async with httpx.AsyncClient(base_url=address) as http:
        until = time.monotonic() + _UNLOADED_WITHIN_S
        while time.monotonic() < until:
            workers = (await http.get("/api/v1/topology")).json()["workers"]
            if sum(worker["sessions"] for worker in workers) == 0:
                return
            await asyncio.sleep(0.5)
    raise AgentUnreachableError(f"sessions are still loaded after {_UNLOADED_WITHIN_S:g} s")


async def _load(url: str, cwd: str, session_ids: Sequence[str]) -> LatencyHistogram:
    took = LatencyHistogram()
    client = ClientSession()
    async with asyncio.timeout(_OPEN_WITHIN_S):
        await client.connect(url)
        await client.ask("initialize", _CLIENT)
    for session_id in session_ids:
        began = time.monotonic_ns()
        async with asyncio.timeout(_OPEN_WITHIN_S):
            await client.ask("session/load", {"sessionId": session_id, "cwd": cwd, "mcpServers": []})
        took.record(time.monotonic_ns() - began)
    client.close()
    return took


async def run(count: int, address: str, worker: psutil.Process, cwd: str) -> IdleResult:
    """Measure once."""
    url = f"{address.replace('http', 'ws', 1)}/acp"
    await _use(count, url, cwd)
    await _unloaded(address)
    before = worker.memory_info().rss
    session_ids = await _use(count, url, cwd)
    await _unloaded(address)
    after = worker.memory_info().rss
    busy = sum(worker.cpu_times()[:2])
    await asyncio.sleep(_QUIET_S)
    busy = sum(worker.cpu_times()[:2]) - busy
    took = await _load(url, cwd, session_ids)
    return IdleResult(count, (after - before) / count, busy, took.quantile_ms(0.5), took.quantile_ms(1.0))


def measure(count: int) -> IdleResult:
    """Start gateway and agent, measure, stop them. Raises an error of ours where one does not start."""
    assert LUMILINK.command is not None
    with tempfile.TemporaryDirectory(prefix="lumilink-idle-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "lumilink.toml").write_text(_SETTINGS)
        with launched("agent", [sys.executable, "-m", "loadtests.stub_agent"], folder) as stub:
            target, _ = stub.wait_ready(_OPEN_WITHIN_S)
            command = LUMILINK.command(free_port(), target, folder / "data")
            command += ["--config", str(folder / "lumilink.toml")]
            with launched("gateway", command, folder, LUMILINK.stop_within_s) as gateway:
                address, _ = gateway.wait_ready(LUMILINK.ready_within_s)
                [worker] = LUMILINK.roles(gateway, address)[WORKER]
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    return runner.run(run(count, address, psutil.Process(worker), name))


@click.command()
@click.option("--sessions", default=900, show_default=True, type=click.IntRange(1, 1000))
def main(sessions: int) -> None:
    """Measure once and print."""
    end_on_sigterm()
    try:
        ensure_open_files(sessions + _SPARE_FILES)
        result = measure(sessions)
    except (LumiLinkError, OSError, TimeoutError) as error:
        raise click.ClickException(f"{type(error).__name__}: {error}") from None
    print(
        f"{result.sessions} sessions, unloaded: {result.bytes_a_session / 1024:.1f} KB each in their worker"
    )
    print(f"which took {result.cpu_s_of_10:.2f} s of CPU in {_QUIET_S:g} s")
    print(f"loaded again: p50 {result.load_p50_ms:.1f} ms, longest {result.load_max_ms:.1f} ms")


if __name__ == "__main__":
    main()
