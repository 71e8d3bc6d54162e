"""The journal away in mid-turn: what was shown stays, what happens waits, and comes when it is back."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path

import pytest
from support import redis_server
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.http_peer import begun_http_peer
from support.journal_reading import check_promises, entries_of, journal_file, outcomes_of
from support.messages import numbers, said
from support.peer import Peer, RefusedError
from support.recovering import RECOVERY_S, check_seen_alike
from support.redis_server import RedisServer
from support.tidying import leave_tidy
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(150, func_only=True),
]

UPDATES = 500
DISK = "8m"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose ``data`` is a disk of 8 MB, where we may mount one."""
    folder = tmp_path_factory.mktemp("outage")
    (folder / "data").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(folder / "data")]
    is_mounted = os.getuid() == 0 and subprocess.run(mount, check=False).returncode == 0
    yield folder
    if is_mounted:
        subprocess.run(["umount", str(folder / "data")], check=True)


@pytest.fixture(scope="module")
def on_sqlite(disk: Path) -> Iterator[GatewayProcess]:
    """A gateway with its journal on that disk."""
    with GatewayProcess(disk, scripted_agent_target(), dashboard=False) as running:
        yield running


@pytest.fixture
async def gateway(on_sqlite: GatewayProcess) -> AsyncIterator[GatewayProcess]:
    """The same; its journal has kept its promises after each test."""
    yield on_sqlite
    await check_promises(on_sqlite.folder)
    await leave_tidy(on_sqlite)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis with an append-only file."""
    if redis_server.BINARY is None:
        pytest.skip("there is no redis-server")
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def on_redis(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway with its journal in that Redis."""
    folder = tmp_path_factory.mktemp("on-redis")
    with GatewayProcess(folder, scripted_agent_target(), journal=redis.url, dashboard=False) as running:
        yield running


# ---------------------------------------------------------------------- outages


@asynccontextmanager
async def locked(gateway: GatewayProcess) -> AsyncIterator[None]:
    """Another process writes, and does not end."""
    with closing(sqlite3.connect(journal_file(gateway.folder), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@asynccontextmanager
async def full(gateway: GatewayProcess) -> AsyncIterator[None]:
    """Something else has filled the disk."""
    filler = gateway.folder / "data" / "filler"
    block = bytes(4096)
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(block):
                pass
        except OSError:
            pass
    yield
    filler.unlink()


@asynccontextmanager
async def stopped(redis: RedisServer) -> AsyncIterator[None]:
    """The server hangs."""
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(redis.pid, signal.SIGCONT)


@asynccontextmanager
async def killed(redis: RedisServer) -> AsyncIterator[None]:
    """The server is gone, and comes back with what it had written."""
    redis.kill()
    try:
        yield
    finally:
        await asyncio.to_thread(redis.start)


Outage = AbstractAsyncContextManager[None]


def is_notice(message: dict[str, object], kind: str) -> bool:
    params = message.get("params")
    return isinstance(params, dict) and params.get("kind") == kind


async def end_of(peer: Peer, turn: int) -> str:
    """How a prompt ended that was sent while the journal was away: it may be refused, to be tried again."""
    try:
        found: str = (await peer.result_of(turn, RECOVERY_S))["stopReason"]
    except RefusedError as refused:
        if not refused.data["retryable"]:
            raise
        return "refused"
    return found


async def live_through(gateway: GatewayProcess, workspace: Workspace, outage: Outage, for_s: float) -> str:
    """A turn that streams through an outage, to two clients; returns its session."""
    async with (
        begun_peer(gateway.acp_over_websocket) as first,
        begun_http_peer(gateway.acp_over_http) as second,
    ):
        session_id = await first.new_session(workspace)
        await second.open_stream(session_id)
        await second.load(session_id, workspace)
        beside = await second.new_session(workspace)
        turn = await first.start_prompt(session_id, f"drip {UPDATES} 10")
        await second.hears(session_id, "20 ")

        async with outage:
            away_until = asyncio.get_running_loop().time() + for_s
            await first.first(lambda message: is_notice(message, "journal-away"))
            shown = len(said(first.messages, session_id))
            waiting = await second.start_prompt(beside, "say 3")
            await asyncio.sleep(away_until - asyncio.get_running_loop().time())
            assert len(said(first.messages, session_id)) == shown < UPDATES
            assert numbers(second.messages, beside) == []

        assert (await first.result_of(turn, RECOVERY_S))["stopReason"] == "end_turn"
        await first.first(lambda message: is_notice(message, "journal-back"))
        await second.hears(session_id, f"{UPDATES} ", RECOVERY_S)
        assert numbers(first.messages, session_id) == list(range(1, UPDATES + 1))
        await check_seen_alike(gateway, session_id, first, second)
        ended = await end_of(second, waiting)
        assert numbers(second.messages, beside) == ([1, 2, 3] if ended == "end_turn" else [])
        assert await second.prompt(beside, "say 4") == "end_turn"
    return session_id


async def lose_a_worker(gateway: GatewayProcess, workspace: Workspace, outage: Outage, for_s: float) -> None:
    """A turn that streams into an outage, in which its worker is killed."""
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        turn = await peer.start_prompt(session_id, f"drip {UPDATES} 10")
        await peer.hears(session_id, "20 ")
        async with outage:
            await asyncio.sleep(1.0)
            shown = said(peer.messages, session_id)
            gateway.worker_of(workspace).kill()
            await asyncio.sleep(for_s)
            assert said(peer.messages, session_id) == shown
        with pytest.raises(RefusedError) as ended:
            await peer.result_of(turn, RECOVERY_S)
        assert ended.value.data["code"] == "turn-interrupted"
        assert await peer.prompt(session_id, "say 5", RECOVERY_S) == "end_turn"
        assert said(peer.messages, session_id)[: len(shown)] == shown
        await check_seen_alike(gateway, session_id, peer)


# ---------------------------------------------------------------------- SQLite


async def test_a_journal_that_is_locked_for_a_while_is_waited_for(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    session_id = await live_through(gateway, workspace, locked(gateway), 8.0)
    assert outcomes_of(await entries_of(gateway.folder, session_id)) == ["completed"]


async def test_a_full_disk_is_waited_for(gateway: GatewayProcess, workspace: Workspace) -> None:
    if not (gateway.folder / "data").is_mount():
        pytest.skip("needs a small disk, which only root may mount")
    session_id = await live_through(gateway, workspace, full(gateway), 4.0)
    assert outcomes_of(await entries_of(gateway.folder, session_id)) == ["completed"]


async def test_what_was_shown_is_there_after_a_worker_was_killed_while_the_journal_was_locked(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    await lose_a_worker(gateway, workspace, locked(gateway), 8.0)


# ---------------------------------------------------------------------- Redis


async def test_a_redis_that_hangs_for_a_while_is_waited_for(
    on_redis: GatewayProcess, redis: RedisServer, workspace: Workspace
) -> None:
    session_id = await live_through(on_redis, workspace, stopped(redis), 7.0)
    assert outcomes_of(await entries_of(redis.url, session_id)) == ["completed"]


async def test_a_redis_that_is_killed_and_comes_back_is_waited_for(
    on_redis: GatewayProcess, redis: RedisServer, workspace: Workspace
) -> None:
    session_id = await live_through(on_redis, workspace, killed(redis), 4.0)
    assert outcomes_of(await entries_of(redis.url, session_id)) == ["completed"]


async def test_what_was_shown_is_there_after_a_worker_was_killed_while_redis_was_gone(
    on_redis: GatewayProcess, redis: RedisServer, workspace: Workspace
) -> None:
    await lose_a_worker(on_redis, workspace, killed(redis), 8.0)
