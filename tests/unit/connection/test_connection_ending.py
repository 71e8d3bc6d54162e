"""How a session ends: closed by a client, left by all, stopped with its worker, or failed."""

import asyncio

import pytest
from session_world import SESSION, FakeAgent, World, settle

from actors import errors
from actors.connection.care import IDLE_CHECK_S


@pytest.mark.parametrize("method", ["session/close", "session/delete"])
async def test_closing_answers_tells_everyone_and_gives_the_place_back(
    world: World, agent: FakeAgent, method: str
):
    one = await world.opened_client()
    two = await world.client().attach()
    await one.request("2", method)

    assert one.reply("2")["result"] == {}
    assert isinstance(one.closed_by(), errors.SessionClosedError)
    assert isinstance(two.closed_by(), errors.SessionClosedError)
    assert world.given_back == [SESSION]
    assert world.is_stopped()
    assert agent.closed
    with pytest.raises(errors.SessionNotFoundError):
        await world.scope.store.find("inst", SESSION)


async def test_closing_ends_the_turn_that_runs_and_those_that_wait(world: World, agent: FakeAgent):
    client = await world.opened_client()
    for number in (2, 3):
        await client.prompt(str(number))
    await client.request("4", "session/close")

    assert client.reply("2")["result"] == client.reply("3")["result"] == {"stopReason": "cancelled"}
    assert client.story()[-1] == "=4"
    assert len(agent.requests("session/prompt")) == 1
    assert len(agent.requests("session/cancel")) == 1


async def test_an_agent_that_can_close_is_asked_to(world: World, agent: FakeAgent):
    agent.replies["initialize"] = {
        "protocolVersion": 1,
        "agentCapabilities": {"sessionCapabilities": {"close": {}}},
    }
    agent.replies["session/close"] = {}
    client = await world.opened_client()
    await client.request("2", "session/close")

    assert agent.requests("session/close")[0]["params"] == {"sessionId": "agent-1"}
    assert agent.closed


async def test_closing_does_not_wait_for_an_agent_that_does_not_answer(world: World, agent: FakeAgent):
    world.set(request_timeout_s=60.0)
    agent.replies["initialize"] = {
        "protocolVersion": 1,
        "agentCapabilities": {"sessionCapabilities": {"close": {}}},
    }
    client = await world.opened_client()
    await client.request("2", "session/close")
    assert client.reply("2")["result"] == {}
    await asyncio.sleep(61.0)

    assert agent.closed


async def test_a_client_that_lags_gets_the_answer_to_its_close(world: World, agent: FakeAgent):
    client = await world.opened_client()
    client.channel.congested = True
    agent.update("unseen")
    await settle()
    await client.request("2", "session/close")

    assert client.story() == ["=2"]


async def test_a_session_that_nobody_comes_back_to_is_unloaded_and_stays_in_the_journal(
    world: World, agent: FakeAgent
):
    world.set(detached_ttl_s=900.0)
    client = await world.opened_client()
    await client.leave()
    await asyncio.sleep(890.0)
    assert not world.is_stopped()
    await asyncio.sleep(2 * IDLE_CHECK_S + 10.0)

    assert world.is_stopped()
    assert world.given_back == [SESSION]
    assert agent.closed
    assert (await world.scope.store.find("inst", SESSION)).record.session_id == SESSION


async def test_a_session_with_a_client_is_never_idle(world: World, agent: FakeAgent):
    await world.opened_client()
    await asyncio.sleep(10_000.0)

    assert not world.is_stopped()


async def test_coming_back_starts_the_time_anew(world: World, agent: FakeAgent):
    world.set(detached_ttl_s=900.0)
    client = await world.opened_client()
    await client.leave()
    await asyncio.sleep(800.0)
    again = await world.client().attach()
    await asyncio.sleep(IDLE_CHECK_S)
    await again.leave()
    await asyncio.sleep(800.0)

    assert not world.is_stopped()


async def test_a_turn_that_runs_keeps_its_session(world: World, agent: FakeAgent):
    world.set(detached_ttl_s=900.0, stall_timeout_s=10_000.0)
    client = await world.opened_client()
    await client.prompt("2")
    await client.leave()
    await asyncio.sleep(5000.0)
    assert not world.is_stopped()
    agent.answer("session/prompt", {"stopReason": "end_turn"})
    await asyncio.sleep(1000.0)

    assert world.is_stopped()


async def test_a_client_whose_leaving_was_not_told_does_not_keep_a_session(world: World, agent: FakeAgent):
    world.set(detached_ttl_s=900.0)
    client = await world.opened_client()
    client.attachment.leave()
    await asyncio.sleep(1000.0)

    assert world.is_stopped()


async def test_a_worker_that_stops_tells_every_client(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    await world.system.stop(5.0)

    assert isinstance(one.closed_by(), errors.GatewayStoppingError)
    assert isinstance(two.closed_by(), errors.GatewayStoppingError)
    assert agent.closed


async def test_a_worker_that_stops_interrupts_the_turn_and_tells_what_came_of_it_first(
    world: World, agent: FakeAgent
):
    client = await world.opened_client()
    await client.prompt("2")
    await client.prompt("3")
    agent.ask("7", "session/request_permission")
    await settle()
    await world.system.stop(5.0)

    assert client.code("2") == "turn-interrupted"
    assert client.code("3") == "session-moved", "it had not begun: a repeat runs"
    assert client.channel.frames[-1][0] == "close"
    assert (await world.kinds()).count("turn-ended") == 1, "the one that waited had not begun"
    assert (await world.kinds()).count("decision") == 1


async def test_a_worker_that_stops_tells_its_clients_even_if_the_journal_is_away(
    world: World, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
):
    async def fail(*_: object) -> None:
        raise errors.JournalUnavailableError("away")

    client = await world.opened_client()
    await client.prompt("2")
    with monkeypatch.context() as patch:
        patch.setattr(world.journal, "append", fail)
        await world.system.stop(30.0)
    await asyncio.sleep(10.0)

    assert isinstance(client.closed_by(), errors.GatewayStoppingError)
    assert world.given_back == [SESSION]
    assert agent.closed


async def test_a_bug_ends_the_sessions_of_one_connection_and_is_told(
    world: World, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
):
    client = await world.opened_client()
    monkeypatch.setattr("actors.connection.session.Session.show_plain_update", lambda *_: 1 // 0)
    agent.update("x")
    await settle()

    error = client.closed_by()
    assert isinstance(error, errors.SessionMovedError)
    assert "failed" in error.detail
    assert world.given_back == [SESSION]
    assert agent.closed
