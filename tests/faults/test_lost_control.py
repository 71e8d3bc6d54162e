"""Ray's control process is killed: what streams goes on streaming, and control comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from support import process_census
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.messages import cursors, numbers
from support.redis_server import RedisServer
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(240)]

BACK_S = 60.0


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def own(redis: RedisServer, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway whose Ray keeps its state in a Redis."""
    settings = {"gcs_redis": f"127.0.0.1:{redis.port}", "dashboard": False}
    with GatewayProcess(tmp_path / "gateway", scripted_agent_target(), **settings) as running:
        yield running


def control(gateway: GatewayProcess) -> list[psutil.Process]:
    return process_census.titled(gateway.mark, "/gcs_server")


async def test_sessions_stream_on_without_it_and_workers_can_be_added_afterwards(
    own: GatewayProcess, tmp_path: Path
) -> None:
    place = Workspace(tmp_path / "ws")
    async with begun_peer(own.acp_over_websocket) as peer:
        session_id = await peer.new_session(place)
        turn = await peer.start_prompt(session_id, "say 20\nawait go\nsay 30")
        await peer.hears(session_id, "20 ")
        [first] = control(own)
        first.kill()
        place.signal("go")

        assert (await peer.result_of(turn))["stopReason"] == "end_turn"
        assert await peer.prompt(session_id, "say 3") == "end_turn"
        assert numbers(peer.messages, session_id) == [*range(1, 21), *range(1, 31), 1, 2, 3]
        assert cursors(peer.messages, session_id) == sorted(set(cursors(peer.messages, session_id)))

        async def is_back() -> bool:
            return [one.pid for one in control(own)] not in ([], [first.pid])

        assert await becomes_true(is_back, BACK_S)
        await scaled(own, 2)

        async def has_two() -> bool:
            rows = (await own.topology())["workers"]
            return [row["state"] for row in rows] == ["alive", "alive"]

        assert await becomes_true(has_two, BACK_S), own.last_words()
        assert await peer.prompt(session_id, "say 1") == "end_turn"
        other = await peer.new_session(Workspace(tmp_path / "other"))
        assert await peer.prompt(other, "say 1") == "end_turn"


async def scaled(gateway: GatewayProcess, workers: int) -> None:
    """Ask for it until it is heard."""
    async with httpx.AsyncClient() as http, asyncio.timeout(BACK_S):
        while (await put(http, gateway, workers)) != 202:
            await asyncio.sleep(0.5)


async def put(http: httpx.AsyncClient, gateway: GatewayProcess, workers: int) -> int:
    answer = await http.put(f"{gateway.url}/api/v1/pool", json={"workers": workers}, timeout=20.0)
    return answer.status_code
