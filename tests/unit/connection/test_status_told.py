"""Views that ask for it are told how their session fares: seldom, of changes, never in an event's way."""

import asyncio
import json
from collections.abc import Mapping
from typing import cast

import pytest
from fake_agent import FakeAgent, Json
from session_world import SESSION, SETTINGS, Client, World, settle

from actors.connection import clock, port
from actors.connection.attachment import WINDOW_FRAMES
from actors.connection.living import LIVING
from actors.connection.messages import DescribeStatus
from actors.connection.roles import wants_status
from actors.connection.status.shape import METHOD
from actors.protocol.envelope import parse

DONE = {"stopReason": "end_turn"}
PLAN = {
    "sessionUpdate": "plan",
    "entries": [
        {"content": "Read", "priority": "high", "status": "completed"},
        {"content": "Write", "priority": "high", "status": "in_progress"},
        {"content": "Test", "priority": "low", "status": "pending"},
    ],
}
USAGE = {
    "sessionUpdate": "usage_update",
    "used": 1200,
    "size": 200_000,
    "cost": {"amount": 0.25, "currency": "USD"},
}


@pytest.fixture(autouse=True)
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns are timed by the clock that jumps."""
    monkeypatch.setattr(clock.time, "monotonic", lambda: asyncio.get_running_loop().time() + 1.0)


async def watching(world: World) -> Client:
    """A client that opened the session and wants its status, of which it has been told nothing yet."""
    client = world.client()
    client.attachment.wants_status = True
    await client.open()
    return client


def say(agent: FakeAgent, update: Mapping[str, object]) -> None:
    params = {"sessionId": "agent-1", "update": update}
    agent.say({"jsonrpc": "2.0", "method": "session/update", "params": params})


async def passed(seconds: float) -> None:
    await asyncio.sleep(seconds)
    await settle()


def call(name: str, status: str, title: str = "Edit", kind: str = "tool_call") -> Json:
    return {"sessionUpdate": kind, "toolCallId": name, "title": title, "status": status}


async def asked(world: World) -> Json:
    """What a caller over HTTP is told."""
    told = await world.connection.ask(DescribeStatus(SESSION), 1.0)
    assert isinstance(told, bytes)
    return cast("Json", json.loads(told))


def last(client: Client) -> Json:
    return client.told(METHOD)[-1]


async def test_a_view_is_told_at_once_how_its_session_fares(world: World):
    client = await watching(world)
    await passed(0.1)

    [status] = client.told(METHOD)
    assert status["sessionId"] == SESSION
    assert status["turn"] == {"state": "idle"}
    assert cast("Json", status["connection"])["state"] == "connected"
    assert not {"progress", "estimate", "usage"} & set(status)


async def test_who_did_not_ask_is_told_nothing_and_its_session_is_not_read(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.prompt("7")
    say(agent, PLAN)
    await passed(30.0)

    assert client.told(METHOD) == []


async def test_plan_tool_calls_and_usage_are_told(world: World, agent: FakeAgent):
    client = await watching(world)
    await client.prompt("7")
    for update in (PLAN, call("a", "completed"), call("b", "in_progress", "Write notes"), USAGE):
        say(agent, update)
    await passed(1.0)

    status = last(client)
    assert status["progress"] == {
        "completed": 1,
        "total": 3,
        "current": "Write",
        "toolCalls": {"done": 1, "running": 1},
    }
    assert status["usage"] == {
        "contextUsed": 1200,
        "contextSize": 200_000,
        "cost": {"amount": 0.25, "currency": "USD"},
    }
    turn = cast("Json", status["turn"])
    assert (turn["state"], turn["number"]) == ("running", 1)
    assert str(turn["startedAt"]).endswith("Z")


async def test_the_end_of_a_turn_tells_tokens_and_ends_its_tool_calls(world: World, agent: FakeAgent):
    client = await watching(world)
    await client.prompt("7")
    say(agent, call("a", "in_progress"))
    say(agent, call("b", "failed"))
    tokens = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
    agent.answer("session/prompt", {**DONE, "usage": tokens})
    await passed(1.0)

    status = last(client)
    assert status["turn"] == {"state": "idle", "number": 1}
    assert status["usage"] == tokens
    assert cast("Json", status["progress"])["toolCalls"] == {"done": 1, "running": 0}


async def test_a_thousand_changes_in_a_second_are_told_four_times(world: World, agent: FakeAgent):
    client = await watching(world)
    await client.prompt("7")
    await passed(1.0)
    client.forget()
    for number in range(100):
        for _ in range(10):
            say(agent, call(f"{number}", "in_progress" if number % 2 else "pending", f"{number}"))
        await passed(0.01)
        await client.credit()
    assert len(client.told(METHOD)) in (4, 5), "what the first moment changes is told at once"
    await passed(0.5)

    assert cast("Json", last(client)["progress"])["toolCalls"] == {"done": 0, "running": 100}


async def test_text_that_streams_is_no_change(world: World, agent: FakeAgent):
    client = await watching(world)
    await client.prompt("7")
    await passed(1.0)
    client.forget()
    for number in range(50):
        agent.update(f'the words "plan" and "tool_call {number}')
        await passed(0.1)

    assert client.told(METHOD) == []


async def test_a_running_turn_has_a_heartbeat_and_an_idle_session_none(world: World, agent: FakeAgent):
    client = await watching(world)
    await client.prompt("7")
    await passed(1.0)
    client.forget()
    await passed(46.0)
    assert len(client.told(METHOD)) == 3
    assert cast("int", cast("Json", last(client)["turn"])["elapsedMs"]) >= 45_000

    agent.answer("session/prompt", DONE)
    await passed(1.0)
    client.forget()
    await passed(60.0)
    assert client.told(METHOD) == []


async def test_a_question_makes_it_wait(world: World, agent: FakeAgent):
    client = await watching(world)
    await client.prompt("7")
    agent.ask("9", "session/request_permission")
    await passed(1.0)

    assert cast("Json", last(client)["turn"])["state"] == "waiting"


async def test_a_slow_client_skips_it_and_is_told_when_it_keeps_up_again(world: World, agent: FakeAgent):
    client = await watching(world)
    await client.prompt("7")
    await passed(1.0)
    await client.credit()
    client.forget()
    for number in range(WINDOW_FRAMES + 1):
        agent.update(f"{number}")
    say(agent, PLAN)
    await passed(10.0)
    assert client.told(METHOD) == []
    await client.credit()
    await passed(2.0)

    assert cast("Json", last(client)["progress"])["total"] == 3


async def test_who_asks_over_http_is_told_what_was_before_and_what_came_then(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.prompt("7")
    say(agent, PLAN)
    await settle()
    assert cast("Json", (await asked(world))["progress"])["total"] == 3
    say(agent, call("a", "completed"))
    await settle()

    status = await asked(world)
    assert cast("Json", status["progress"])["toolCalls"] == {"done": 1, "running": 0}
    assert client.told(METHOD) == []


async def test_a_session_is_read_for_a_minute_after_somebody_asked(world: World, agent: FakeAgent):
    await world.opened_client()
    [session] = [one for one in LIVING if one.session_id == SESSION]
    assert session.reader is None
    await asked(world)
    await passed(40.0)
    await asked(world)
    await passed(50.0)
    assert session.reader is not None
    await passed(11.0)

    assert session.reader is None


async def test_when_its_last_watcher_has_left_it_is_not_read_any_more(world: World, agent: FakeAgent):
    client = await watching(world)
    await client.prompt("7")
    await passed(61.0)
    [session] = [one for one in LIVING if one.session_id == SESSION]
    assert session.reader is not None
    await client.leave()
    await passed(16.0)

    assert session.reader is None


async def test_a_link_that_breaks_is_told(world: World, agent: FakeAgent):
    client = await watching(world)
    await passed(1.0)
    agent.die("killed")
    await passed(0.5)

    assert cast("Json", last(client)["connection"])["state"] in ("error", "reconnecting")


async def test_turns_of_the_workspace_say_how_long_this_one_may_take(world: World, agent: FakeAgent):
    client = await watching(world)
    for seconds in (10, 20, 30, 40, 50):
        await client.prompt(f"{seconds}")
        await passed(seconds)
        agent.answer("session/prompt", DONE)
        await settle()
        assert "estimate" not in last(client)
    await client.prompt("7")
    await passed(16.0)

    estimate = cast("dict[str, int]", last(client)["estimate"])
    elapsed = cast("int", cast("Json", last(client)["turn"])["elapsedMs"])
    assert estimate["basis"] == 4
    assert estimate["remainingMs"] == pytest.approx(30_000 - elapsed, abs=50)
    assert estimate["lowMs"] == pytest.approx(20_000 - elapsed, abs=50)
    assert estimate["highMs"] == pytest.approx(50_000 - elapsed, abs=50)


async def test_another_worker_knows_how_long_turns_took(
    world: World, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
):
    client = await world.opened_client()
    for number in range(5):
        await client.prompt(f"{number}")
        await passed(60.0 + number)
        agent.answer("session/prompt", DONE)
        await settle()
    successor = FakeAgent().offering(loadSession=True)
    monkeypatch.setattr(port, "dial", successor.dial)
    there = await World(successor, before=world).take_up()
    again = await there.client().attach()
    await again.prompt("7")
    await passed(10.0)

    assert cast("Json", (await asked(there))["estimate"])["basis"] == 5
    await there.end()


def test_a_request_says_that_it_wants_the_status():
    def asks(meta: object) -> bool:
        params = {"sessionId": SESSION, "_meta": meta}
        message = {"jsonrpc": "2.0", "id": 1, "method": "session/load", "params": params}
        return wants_status(parse(json.dumps(message).encode()))

    assert asks({"lumilink": {"status": True}})
    assert not asks({"lumilink": {"turns": True}})
    assert not asks({})


assert SETTINGS.detached_ttl_s > 60.0, "the tests let time pass"
