"""A worker that is stopped while it writes keeps the journal locked: it is ended, and the others go on."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import psutil
import pytest
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.journal_reading import check_promises, journal_file
from support.recovering import check_seen_alike, is_gone, outcome, repeated
from support.tidying import leave_tidy
from support.waiting import becomes_true
from support.websocket_peer import WebSocketPeer, begun_peer
from support.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(240, func_only=True),
]

WRITERS = 3
MOST_SESSIONS = 50
GOES_ON_S = 60.0
"""It takes 10 s until a link is cut, 15 s until a worker that nobody looks at is given up."""


@pytest.fixture(scope="module")
def running_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """Two workers: one to be stopped, one to go on."""
    settings = {"workers": 2, "ingress_replicas": 1, "dashboard": False}
    with GatewayProcess(tmp_path_factory.mktemp("stopped"), scripted_agent_target(), **settings) as running:
        yield running


def is_locked(journal: Path) -> bool:
    """Whether some process writes to the journal and does not end."""
    with closing(sqlite3.connect(journal, timeout=0.2, isolation_level=None)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        other.execute("ROLLBACK")
    return False


async def has_two_workers(gateway: GatewayProcess) -> bool:
    rows = (await gateway.topology())["workers"]
    alive = {row["pid"] for row in rows if row["state"] == "alive"}
    return len(alive) == 2 and alive == {worker.pid for worker in gateway.workers()}


async def stop_while_it_writes(worker: psutil.Process, journal: Path) -> None:
    """SIGSTOP, again and again, until it has come in the midst of a commit."""
    for _ in range(400):
        os.kill(worker.pid, signal.SIGSTOP)
        if await asyncio.to_thread(is_locked, journal):
            return
        os.kill(worker.pid, signal.SIGCONT)
        await asyncio.sleep(0.003)
    pytest.fail("the worker was never stopped in the midst of a commit")


async def begin_apart(
    gateway: GatewayProcess, peer: WebSocketPeer, folder: Path
) -> tuple[dict[str, Workspace], dict[str, Workspace]]:
    """Sessions with their workspaces: some on one worker, and some on the other, however those are chosen."""
    by_worker: dict[int, dict[str, Workspace]] = {}
    for number in range(MOST_SESSIONS):
        if len(by_worker) == 2 and min(map(len, by_worker.values())) >= WRITERS:
            break
        place = Workspace(folder / f"ws-{number}")
        session_id = await peer.new_session(place)
        by_worker.setdefault(gateway.worker_of(place).pid, {})[session_id] = place
    one, other = by_worker.values()
    return one, other


@pytest.mark.parametrize("watched", [True, False], ids=["with its clients", "with nobody there"])
async def test_others_go_on_after_a_while_and_nothing_is_lost(
    running_gateway: GatewayProcess, tmp_path: Path, watched: bool
) -> None:
    gateway = running_gateway
    async with (
        begun_peer(gateway.acp_over_websocket) as writer,
        begun_peer(gateway.acp_over_websocket) as other,
    ):
        hit, spared = await begin_apart(gateway, writer, tmp_path)
        beside = next(iter(spared))
        await other.resume(beside)
        worker = gateway.worker_of(next(iter(hit.values())))
        turns = {one: await writer.start_prompt(one, "say 200000") for one in hit}
        for session_id in hit:
            await writer.hears(session_id, "20 ")
        if not watched:
            writer.socket.transport.abort()
        await stop_while_it_writes(worker, journal_file(gateway.folder))

        await repeated(other, beside, "say 30", GOES_ON_S)
        assert await becomes_true(partial(is_gone, [worker]), 5.0)
        await check_seen_alike(gateway, beside, other)
        if watched:
            for session_id, turn in turns.items():
                assert await outcome(writer, turn, GOES_ON_S) == "turn-interrupted"
                await repeated(writer, session_id, "say 5")
                await check_seen_alike(gateway, session_id, writer)
    assert await becomes_true(lambda: has_two_workers(gateway), GOES_ON_S)
    await check_promises(gateway.folder)
    await leave_tidy(gateway)
