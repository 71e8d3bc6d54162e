"""A gateway with little room: what it admits is exact, what waits gets its turn, and /readyz tells."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from support.gateway_process import GatewayProcess
from support.http_peer import begun_http_peer
from support.messages import Json, request
from support.peer import RefusedError
from support.tidying import session_count, sessions_of, settles_at
from support.waiting import becomes_true
from support.websocket_peer import WebSocketPeer, begun_peer

from loadtests.herd import HerdPlan, run_herd
from loadtests.processes import launched

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180, func_only=True)]

CAPACITY = 50
WAIT_S = 3.0
QUEUE = 20
STUB_READY_S = 30.0


@pytest.fixture(scope="module")
def small_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway with room for 50 sessions, and an agent that costs next to nothing."""
    folder = tmp_path_factory.mktemp("small-gateway")
    settings = {"sessions_per_worker": CAPACITY, "admission_queue": QUEUE, "admission_wait_s": WAIT_S}
    with launched("agent", [sys.executable, "-m", "loadtests.stub_agent"], folder) as stub:
        target, _ = stub.wait_ready(STUB_READY_S)
        with GatewayProcess(folder / "gateway", target, dashboard=False, **settings) as running:
            yield running


@pytest.fixture
async def gateway(small_gateway: GatewayProcess) -> AsyncIterator[GatewayProcess]:
    """The same, without sessions after each test."""
    yield small_gateway
    async with begun_peer(small_gateway.acp_over_websocket) as peer:
        for session_id in await sessions_of(peer):
            await close(peer, session_id)
    assert await settles_at(small_gateway, 0)


async def close(peer: WebSocketPeer, session_id: str) -> None:
    """End a session, be it loaded or not."""
    await peer.resume(session_id)
    await peer.close_session(session_id)


async def readiness(gateway: GatewayProcess) -> tuple[int, str]:
    """The status of /readyz, and the code that goes with it."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{gateway.url}/readyz", timeout=10.0)
    return answer.status_code, answer.json().get("code", "")


async def fill(peer: WebSocketPeer, cwd: Path) -> list[str]:
    """Take all places."""
    return [await peer.new_session(cwd) for _ in range(CAPACITY)]


async def told_to_wait(peer: WebSocketPeer, request_id: int) -> Json:
    """What a client is told first of a request that waits."""
    found = await peer.first(
        lambda message: (
            message.get("method") == "_lumilink/admission" and message["params"]["requestId"] == request_id
        )
    )
    params: Json = found["params"]
    return params


async def test_a_herd_gets_exactly_the_free_places_and_everyone_hears_within_a_second(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    plan = HerdPlan(capacity=CAPACITY, running=10, herd=500, sockets=10, before_s=1.0)
    result = await run_herd(plan, gateway.acp_over_websocket, str(tmp_path))

    assert result.outcomes == {"admitted": 40, "capacity-exhausted": 460}
    assert result.waited == QUEUE
    assert result.heard_in_time == 460, result
    assert await session_count(gateway) == CAPACITY


async def test_a_session_that_waits_is_told_where_and_gets_the_place_that_comes_free(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        held = await fill(peer, tmp_path)
        assert await readiness(gateway) == (503, "capacity-exhausted")
        first = await peer.start("session/new", {"cwd": str(tmp_path), "mcpServers": []})
        told = await told_to_wait(peer, first)
        assert (told["position"], told["of"]) == (1, 1)
        assert 0 < told["deadlineInMs"] <= WAIT_S * 1000
        second = await peer.start("session/new", {"cwd": str(tmp_path), "mcpServers": []})
        assert (await told_to_wait(peer, second))["position"] == 2
        await peer.close_session(held[0])

        assert (await peer.result_of(first))["sessionId"]
        with pytest.raises(RefusedError) as refused:
            await peer.result_of(second)
        assert refused.value.data["code"] == "capacity-exhausted"
        assert refused.value.data["retryAfter"] > 0
        for session_id in held[1:6]:
            await peer.close_session(session_id)

        async def is_ready() -> bool:
            return await readiness(gateway) == (200, "")

        assert await becomes_true(is_ready, 10.0)


async def test_a_client_that_leaves_while_it_waits_takes_no_place(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        peer = await stack.enter_async_context(begun_peer(gateway.acp_over_websocket))
        held = await fill(peer, tmp_path)
        async with begun_peer(gateway.acp_over_websocket) as leaving:
            request_id = await leaving.start("session/new", {"cwd": str(tmp_path), "mcpServers": []})
            await told_to_wait(leaving, request_id)
        await peer.close_session(held[0])
        await asyncio.sleep(1.5)

        assert await settles_at(gateway, CAPACITY - 1)
        assert await peer.new_session(tmp_path)


async def test_a_capacity_actor_that_dies_costs_a_pause_and_no_place(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        for _ in range(CAPACITY - 10):
            await peer.new_session(tmp_path)
        (capacity,) = gateway.capacity_actors()
        capacity.kill()
        asked = [await peer.start("session/new", {"cwd": str(tmp_path), "mcpServers": []}) for _ in range(15)]
        answers = [await peer.answer_to(one) for one in asked]
        admitted = [answer for answer in answers if "result" in answer]
        codes = {answer["error"]["data"]["code"] for answer in answers if "error" in answer}

        assert len(admitted) <= 10
        assert codes <= {"capacity-exhausted", "worker-unavailable"}
        assert await settles_at(gateway, CAPACITY - 10 + len(admitted))

        async def room_again() -> bool:
            return (await readiness(gateway))[1] in ("", "capacity-exhausted")

        assert await becomes_true(room_again, 15.0)
        for _ in range(10 - len(admitted)):
            await peer.new_session(tmp_path)
        assert await session_count(gateway) == CAPACITY
        with pytest.raises(RefusedError):
            await peer.new_session(tmp_path)


async def test_over_http_a_session_that_finds_the_queue_full_is_refused_by_its_post(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    async with (
        begun_peer(gateway.acp_over_websocket) as peer,
        begun_http_peer(gateway.acp_over_http) as over_http,
    ):
        await fill(peer, tmp_path)
        params = {"cwd": str(tmp_path), "mcpServers": []}
        waiting = [await peer.start("session/new", params) for _ in range(QUEUE)]
        for request_id in waiting:
            await told_to_wait(peer, request_id)
        refused = await over_http.post(request("late", "session/new", params))

        assert refused.status_code == 503, refused.text
        assert refused.headers["content-type"] == "application/problem+json"
        assert int(refused.headers["retry-after"]) > 0
        body = refused.json()
        assert (body["code"], body["category"]) == ("capacity-exhausted", "system")
        assert body["recovery"].endswith(".")
        assert not [message for message in over_http.messages if message.get("id") == "late"]
