"""``kill -9`` of workers under sessions: another goes on with them, and their clients stay where they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest
from support import process_census
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.http_peer import begun_http_peer
from support.journal_reading import check_promises, entries_of, outcomes_of
from support.messages import numbers
from support.peer import Peer
from support.recovering import RECOVERY_S, check_seen_alike, is_gone, outcome, repeated
from support.tidying import leave_tidy
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(120, func_only=True),
]


@pytest.fixture(scope="module")
def running_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """Two workers, so that there is always one to go on."""
    settings = {"workers": 2, "ingress_replicas": 2, "dashboard": False}
    with GatewayProcess(tmp_path_factory.mktemp("failover"), scripted_agent_target(), **settings) as running:
        yield running


@pytest.fixture
async def gateway(running_gateway: GatewayProcess) -> AsyncIterator[GatewayProcess]:
    """The same: whatever was killed is back after each test, and the journal has kept its promises."""
    yield running_gateway
    back = await becomes_true(partial(has_two_workers, running_gateway), RECOVERY_S)
    assert back, f"{await running_gateway.topology()}, {running_gateway.workers()}"
    await check_promises(running_gateway.folder)
    await leave_tidy(running_gateway)


async def has_two_workers(gateway: GatewayProcess) -> bool:
    try:
        workers = (await gateway.topology())["workers"]
    except httpx.HTTPError:
        return False
    alive = {row["pid"] for row in workers if row["state"] == "alive"}
    return alive == {worker.pid for worker in gateway.workers()} and len(alive) == 2


async def test_clients_of_a_killed_worker_go_on_with_their_session_on_their_connection(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with (
        begun_peer(gateway.acp_over_websocket) as first,
        begun_http_peer(gateway.acp_over_http) as second,
    ):
        session_id = await first.new_session(workspace)
        await second.open_stream(session_id)
        await second.load(session_id, workspace)
        assert await first.prompt(session_id, "say 20") == "end_turn"
        turn = await first.start_prompt(session_id, "say 5\nhang")
        for peer in (first, second):
            await peer.hears(session_id, "5 ")

        gateway.worker_of(workspace).kill()
        assert await outcome(first, turn) == "turn-interrupted"
        assert await second.prompt(session_id, "say 30") == "end_turn"
        assert await first.prompt(session_id, "say 40") == "end_turn"
        await second.hears(session_id, "40 ")
        assert not first.ended.is_set()
        expected = [number for count in (20, 5, 30, 40) for number in range(1, count + 1)]
        assert numbers(first.messages, session_id) == expected
        await check_seen_alike(gateway, session_id, first, second)
    ends = outcomes_of(await entries_of(gateway.folder, session_id))
    assert ends == ["completed", "interrupted", "completed", "completed"]


async def test_a_prompt_that_is_repeated_after_the_kill_gets_its_first_outcome_and_does_not_run_again(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        ended = await peer.start_prompt(session_id, "say 3", "ended")
        assert await outcome(peer, ended) == "end_turn"
        running = await peer.start_prompt(session_id, "say 2\nhang", "running")
        waiting = await peer.start_prompt(session_id, "say 1", "waiting")
        await peer.told("_lumilink/queued")
        await peer.hears(session_id, "2 ")

        gateway.worker_of(workspace).kill()
        assert await outcome(peer, running) == "turn-interrupted"
        await outcome(peer, waiting)
        assert await outcome(peer, await peer.start_prompt(session_id, "say 3", "ended")) == "end_turn"
        again = await peer.start_prompt(session_id, "say 2\nhang", "running")
        assert await outcome(peer, again) == "turn-interrupted"
        # This one the agent has never seen, so that it may run, once.
        assert await outcome(peer, await peer.start_prompt(session_id, "say 1", "waiting")) == "end_turn"
        assert workspace.prompts() == ["say 3", "say 2\nhang", "say 1"]
        assert numbers(peer.messages, session_id) == [1, 2, 3, 1, 2, 1]


async def test_a_question_that_was_open_at_the_kill_is_withdrawn(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    url = gateway.acp_over_websocket
    async with begun_peer(url) as asker, begun_http_peer(gateway.acp_over_http) as watcher:
        session_id = await asker.new_session(workspace)
        await watcher.open_stream(session_id)
        await watcher.load(session_id, workspace)
        turn = await asker.start_prompt(session_id, "ask\nsay 1")
        asked = [await peer.question(session_id) for peer in (asker, watcher)]
        assert asked[0]["id"] == asked[1]["id"]

        gateway.worker_of(workspace).kill()
        assert await outcome(asker, turn) == "turn-interrupted"
        for peer in (asker, watcher):
            [withdrawn] = await peer.told("$/cancel_request")
            assert withdrawn["requestId"] == asked[0]["id"]
            assert withdrawn["_meta"]["lumilink"]["state"] == "void"
        await asker.choose(asked[0], "yes")
        assert (await asker.notice("question-unknown"))["sessionId"] == session_id
        # A question of the next turn is another one.
        turn = await asker.start_prompt(session_id, "ask\nsay 1")
        again = (await asker.several(lambda message: message.get("method") == asked[0]["method"], 2))[1]
        assert again["id"] != asked[0]["id"]
        await asker.choose(again, "no")
        assert await outcome(asker, turn) == "end_turn"


async def test_a_killed_workers_agents_are_gone_and_each_session_gets_one_other(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    at_rest, in_turn = Workspace(tmp_path / "rest"), Workspace(tmp_path / "turn")
    async with (
        begun_peer(gateway.acp_over_websocket) as peer,
        begun_peer(gateway.acp_over_websocket) as other,
    ):
        resting = await peer.new_session(at_rest)
        await other.load(resting, at_rest)
        busy = await peer.new_session(in_turn)
        turn = await peer.start_prompt(busy, "say 1\nhang")
        await peer.hears(busy, "1 ")
        agents = gateway.agents()
        assert len(agents) == 2
        for worker in {gateway.worker_of(at_rest), gateway.worker_of(in_turn)}:
            worker.kill()
        assert await outcome(peer, turn) == "turn-interrupted"
        # Both clients prompt at once: one agent serves them.
        await asyncio.gather(repeated(peer, resting, "say 1"), repeated(other, resting, "say 2"))
        await repeated(peer, busy, "say 1")
        assert await becomes_true(partial(is_gone, agents), RECOVERY_S), agents
        assert (len(at_rest.starts()), len(in_turn.starts())) == (2, 2)
        assert len(gateway.agents()) == 2


async def test_what_a_killed_workers_agents_had_started_is_gone_too(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        turn = await peer.start_prompt(session_id, "spawn\nspawn\nsay 1\nhang")
        await peer.hears(session_id, "1 ")
        started = process_census.running(gateway.mark, "600")
        assert len(started) == 2
        try:
            gateway.worker_of(workspace).kill()
            assert await outcome(peer, turn) == "turn-interrupted"
            assert await becomes_true(partial(is_gone, started), 10.0)
        finally:
            process_census.kill_all(started)


async def test_twenty_sessions_that_stream_when_a_worker_is_killed_lose_and_double_nothing(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    places = [Workspace(tmp_path / f"ws-{number}") for number in range(5)]
    async with AsyncExitStack() as stack:
        clients: list[Peer] = [
            await stack.enter_async_context(begun_peer(gateway.acp_over_websocket)) for _ in places[:3]
        ]
        clients += [
            await stack.enter_async_context(begun_http_peer(gateway.acp_over_http)) for _ in places[3:]
        ]
        homes = [place for place in places for _ in range(4)]
        owners = [client for client in clients for _ in range(4)]
        opened = [owner.new_session(place) for owner, place in zip(owners, homes, strict=True)]
        sessions = await asyncio.gather(*opened)
        work = list(zip(owners, sessions, homes, strict=True))
        turns = [await owner.start_prompt(session_id, "drip 200 10") for owner, session_id, _ in work]
        for owner, session_id, _ in work:
            await owner.hears(session_id, "20 ")

        victim = gateway.worker_of(places[0])
        hit = {place for place in places if gateway.worker_of(place) == victim}
        victim.kill()
        for (owner, session_id, home), turn in zip(work, turns, strict=True):
            assert await outcome(owner, turn) == ("turn-interrupted" if home in hit else "end_turn")
            assert await outcome(owner, await owner.start_prompt(session_id, "say 5")) == "end_turn"
            heard = numbers(owner.messages, session_id)
            dripped = len(heard) - 5
            assert heard == [*range(1, dripped + 1), *range(1, 6)]
            assert 20 <= dripped <= 200
            assert home in hit or dripped == 200
            await check_seen_alike(gateway, session_id, owner)
    assert 0 < len(hit) < len(places)


async def test_a_second_worker_that_is_killed_right_after_the_first_is_no_worse(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with (
        begun_peer(gateway.acp_over_websocket) as first,
        begun_http_peer(gateway.acp_over_http) as second,
    ):
        sessions = {peer: await peer.new_session(workspace) for peer in (first, second)}
        for peer, session_id in sessions.items():
            assert await peer.prompt(session_id, "say 20") == "end_turn"
        turn = await first.start_prompt(sessions[first], "hang")
        holder = gateway.worker_of(workspace)
        [other] = [worker for worker in gateway.workers() if worker != holder]
        holder.kill()
        # By now the sessions are on their way to the other one.
        await asyncio.sleep(0.1)
        other.kill()
        assert await outcome(first, turn) == "turn-interrupted"
        for peer, session_id in sessions.items():
            # What is said in the moment of a kill may be lost with it, and may be said again.
            await repeated(peer, session_id, "say 30")
            assert numbers(peer.messages, session_id) == [*range(1, 21), *range(1, 31)]
            await check_seen_alike(gateway, session_id, peer)
    assert len(workspace.prompts()) == 5
    ends = outcomes_of(await entries_of(gateway.folder, sessions[first]))
    assert ends == ["completed", "interrupted", "completed"]


async def test_capacity_actor_and_worker_killed_together_are_no_worse(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with (
        begun_peer(gateway.acp_over_websocket) as first,
        begun_http_peer(gateway.acp_over_http) as second,
    ):
        sessions = {peer: await peer.new_session(workspace) for peer in (first, second)}
        turns = {peer: await peer.start_prompt(sessions[peer], "say 5\nhang") for peer in sessions}
        for peer, session_id in sessions.items():
            await peer.hears(session_id, "5 ")
        for process in (*gateway.capacity_actors(), gateway.worker_of(workspace)):
            process.kill()
        for peer, session_id in sessions.items():
            assert await outcome(peer, turns[peer]) == "turn-interrupted"
            assert await outcome(peer, await peer.start_prompt(session_id, "say 10")) == "end_turn"
            await check_seen_alike(gateway, session_id, peer)
