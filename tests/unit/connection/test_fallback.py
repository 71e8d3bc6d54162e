"""ACP fails a session in the middle: it goes on over HTTP, with its conversation, and everybody is told."""

import asyncio
from typing import cast

import pytest
from fake_agent import HttpAgent
from session_world import NOTHING_YET, SESSION, Client, FakeAgent, Json, World, settle

from actors import errors
from actors.agents.target import AgentTarget
from actors.connection.prompting import FAILURES_IN_A_ROW
from actors.connection.reconnecting import ReconnectPolicy
from actors.migration.contract import FellBack

DONE = {"stopReason": "end_turn"}
FALLBACK = AgentTarget.parse("agentapi+http://127.0.0.1:3284")
POLICY = ReconnectPolicy(first_delay_s=1.0, max_delay_s=4.0, attempts=3)
IN_TIME_S = 60.0


def unreachable() -> None:
    raise errors.AgentUnreachableError("nobody there")


async def talked(world: World, agent: FakeAgent, http: HttpAgent) -> Client:
    """A client with a session over ACP that has had one turn; what HTTP answers is done at once."""
    world.set(fallback=FALLBACK, reconnect=POLICY)
    http.replies["session/prompt"] = DONE
    client = await world.opened_client()
    await client.prompt("2", "what is it?")
    agent.update("a duck")
    agent.answer("session/prompt", DONE)
    await settle()
    client.forget()
    return client


async def fallen(world: World, agent: FakeAgent, http: HttpAgent) -> Client:
    """The same, after all attempts to reach it again have failed."""
    client = await talked(world, agent, http)
    agent.on_dial = unreachable
    agent.die()
    await asyncio.sleep(IN_TIME_S)
    return client


async def test_after_the_last_attempt_the_session_is_there_over_http(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await fallen(world, agent, http)

    assert agent.dials == 1 + POLICY.attempts
    assert client.notices() == ["agent-closed", "fell-back"]
    assert [message["method"] for message in http.heard] == ["initialize", "session/new"]
    assert client.closed_by() is None, "it need not come again"


async def test_it_is_decided_within_a_second_of_the_last_attempt(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await talked(world, agent, http)
    loop, tried = asyncio.get_running_loop(), [0.0]

    def refuse() -> None:
        tried.append(loop.time())
        unreachable()

    agent.on_dial = refuse
    agent.die()
    while "fell-back" not in client.notices():
        await asyncio.sleep(0.05)

    assert loop.time() - tried[-1] < 1.0


async def test_the_first_prompt_tells_the_agent_the_conversation_and_the_next_does_not(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await fallen(world, agent, http)
    await client.prompt("3", "and now?")
    await client.prompt("4", "thanks")

    [context, words], second = http.prompts()
    assert "User: what is it?\n\nAgent: a duck" in context
    assert "with another agent" in context
    assert (words, second) == ("and now?", ["thanks"])
    assert client.reply("3")["result"] == client.reply("4")["result"] == DONE


async def test_what_the_agent_is_told_is_shown_to_nobody(world: World, agent: FakeAgent, http: HttpAgent):
    client = await fallen(world, agent, http)
    await client.prompt("3", "and now?")
    http.update("a goose", session="http-1")
    await settle()
    later = await world.client().attach()

    shown = [word for word in later.story() if word[0] not in "=_"]
    assert shown == ["what is it?", "a duck", "and now?", "a goose"]


async def test_a_prompt_that_waits_for_the_agent_runs_over_http(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await talked(world, agent, http)
    agent.on_dial = unreachable
    agent.die()
    await settle()
    await client.prompt("3", "and now?")
    assert http.heard == []
    await asyncio.sleep(IN_TIME_S)

    assert http.prompts()[0][1] == "and now?"
    assert client.reply("3")["result"] == DONE
    assert len(agent.requests("session/prompt")) == 1


async def test_a_prompt_that_waits_runs_over_acp_if_that_comes_back(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await talked(world, agent, http)
    agent.on_dial = unreachable
    agent.die()
    await settle()
    await client.prompt("3", "and now?")
    agent.on_dial = lambda: None
    await asyncio.sleep(IN_TIME_S)

    assert http.heard == []
    assert len(agent.requests("session/prompt")) == 2


async def test_a_prompt_is_waited_for_also_where_its_client_has_left(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await talked(world, agent, http)
    agent.on_dial = unreachable
    agent.die()
    await settle()
    await client.prompt("3", "and now?")
    await client.leave()
    await asyncio.sleep(IN_TIME_S)

    assert http.prompts()[0][1] == "and now?"


async def test_a_turn_in_flight_ends_as_ever(world: World, agent: FakeAgent, http: HttpAgent):
    client = await talked(world, agent, http)
    agent.on_dial = unreachable
    await client.prompt("3", "go")
    agent.update("half")
    agent.die()
    await asyncio.sleep(IN_TIME_S)

    assert client.code("3") == "turn-interrupted"
    assert "fell-back" in client.notices()


async def test_everything_that_changed_is_in_the_journal(world: World, agent: FakeAgent, http: HttpAgent):
    await fallen(world, agent, http)

    [turned] = await world.noted("protocol")
    assert turned == {
        "from": "acp",
        "to": "http",
        "trigger": "fallback",
        "code": "agent-unreachable",
        "category": "connection",
        "reason": "nobody there",
    }
    moves = [(one["protocol"], one["from"], one["to"]) for one in await world.noted("connection")]
    assert moves[:3] == [
        ("acp", "disconnected", "connecting"),
        ("acp", "connecting", "connected"),
        ("acp", "connected", "error"),
    ]
    assert moves[-3:] == [
        ("acp", "error", "rolled-back"),
        ("http", "disconnected", "connecting"),
        ("http", "connecting", "connected"),
    ]
    ids = {one["protocol"]: one["connectionId"] for one in await world.noted("connection")}
    assert ids["http"] == f"{ids['acp']}-http", "two links are two connections"


async def test_the_notice_is_a_toast_and_an_entry_of_its_own(world: World, agent: FakeAgent, http: HttpAgent):
    client = await fallen(world, agent, http)

    told = client.told("_lumilink/notice")[-1]
    assert (told["kind"], told["entry"], told["severity"]) == ("fell-back", "rollback", "warning")
    assert len(str(told["toast"])) <= 140
    assert told["code"] == "agent-unreachable"


async def test_the_workspace_is_told(world: World, agent: FakeAgent, http: HttpAgent):
    await fallen(world, agent, http)

    category = errors.Category.CONNECTION
    assert world.told_workspace == [FellBack(SESSION, "agent-unreachable", category, "nobody there")]


async def test_who_loads_the_session_is_told_how_it_is_carried(
    world: World, agent: FakeAgent, http: HttpAgent
):
    await fallen(world, agent, http)
    later = await world.client().attach()

    result = cast("dict[str, dict[str, Json]]", later.reply("1")["result"])
    ours = result["_meta"]["lumilink"]
    assert (ours["protocol"], ours["fallbackReason"]) == ("http", "agent-unreachable")


async def test_another_worker_goes_on_over_http(world: World, agent: FakeAgent, http: HttpAgent):
    await fallen(world, agent, http)
    dials = agent.dials
    second = World(agent, before=world)
    second.set(fallback=FALLBACK)
    await second.take_up()
    client = await second.client().attach()
    await client.prompt("3", "and now?")

    assert agent.dials == dials
    resumed = http.requests("session/resume")
    assert [cast("Json", one["params"])["sessionId"] for one in resumed] == ["http-1"]
    assert len(http.prompts()[0]) == 2, "it still has to be told the conversation"
    await second.end()


async def test_the_context_is_told_again_after_a_prompt_that_may_not_have_been_heard(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await fallen(world, agent, http)
    http.replies["session/prompt"] = {"code": -32603, "message": "busy"}
    await client.prompt("3", "one")
    http.replies["session/prompt"] = DONE
    await client.prompt("4", "two")

    assert len(http.prompts()[0]) == len(http.prompts()[1]) == 2
    assert "User: one" in http.prompts()[1][0]


@pytest.mark.parametrize("by", ["settings", "standing", "client", "no-target", "not-listening"])
async def test_without_a_fallback_the_agent_is_lost_as_ever(
    world: World, agent: FakeAgent, http: HttpAgent, by: str
):
    world.set(reconnect=POLICY)
    if by != "no-target":
        world.set(fallback=FALLBACK, fallback_enabled=by != "settings")
    world.standing.fallback_enabled = by != "standing"
    http.is_up = by != "not-listening"
    client = await world.client().open(fallback_enabled=by != "client")
    agent.on_dial = unreachable
    agent.die()
    await asyncio.sleep(IN_TIME_S)

    assert client.notices() == ["agent-closed", "agent-lost"]
    assert http.heard == []
    await client.prompt("3")
    await asyncio.sleep(IN_TIME_S)
    assert client.code("3") == "agent-unreachable"
    assert world.told_workspace == []


async def test_a_wish_for_no_fallback_is_kept_by_another_worker(
    world: World, agent: FakeAgent, http: HttpAgent
):
    world.set(fallback=FALLBACK, reconnect=POLICY)
    await world.client().open(fallback_enabled=False)
    second = World(agent, before=world)
    second.set(fallback=FALLBACK, reconnect=POLICY)
    await second.take_up()
    client = await second.client().attach()
    agent.on_dial = unreachable
    await client.prompt("3")
    await asyncio.sleep(IN_TIME_S)

    assert client.code("3") == "agent-unreachable"
    assert http.heard == []
    await second.end()


async def test_where_neither_can_be_reached_the_prompt_is_told_so(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await talked(world, agent, http)
    agent.on_dial = http.on_dial = unreachable
    agent.die()
    await settle()
    await client.prompt("3")
    await asyncio.sleep(IN_TIME_S)

    assert client.code("3") == "agent-unreachable"
    assert client.notices()[-2:] == ["fell-back", "agent-lost"]


async def test_an_agent_that_is_stuck_is_left_for_http(world: World, agent: FakeAgent, http: HttpAgent):
    world.set(stall_timeout_s=100.0, cancel_grace_s=10.0)
    client = await talked(world, agent, http)
    await client.prompt("3", "hang")
    await client.prompt("4", "and now?")
    await asyncio.sleep(300.0)

    assert client.notices() == ["agent-wedged", "fell-back"]
    assert client.code("3") == "turn-interrupted"
    assert client.reply("4")["result"] == DONE
    assert http.prompts()[0][1] == "and now?"
    assert agent.closed


async def test_an_agent_that_fails_turn_after_turn_is_left_for_http(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await talked(world, agent, http)
    agent.replies["session/prompt"] = {"code": -32603, "message": "out of order"}
    for number in range(FAILURES_IN_A_ROW):
        assert client.notices() == []
        await client.prompt(str(10 + number))
    await client.prompt("20", "and now?")

    assert client.notices() == ["fell-back"]
    assert client.reply("20")["result"] == DONE


async def test_turns_that_fail_now_and_then_are_no_reason(world: World, agent: FakeAgent, http: HttpAgent):
    client = await talked(world, agent, http)
    for number in range(3 * FAILURES_IN_A_ROW):
        fails = number % FAILURES_IN_A_ROW
        agent.replies["session/prompt"] = {"code": -32603, "message": "no"} if fails else DONE
        await client.prompt(str(10 + number))

    assert client.notices() == []


async def test_an_agent_that_wants_a_login_is_not_left(world: World, agent: FakeAgent, http: HttpAgent):
    client = await talked(world, agent, http)
    agent.replies["session/prompt"] = {"code": -32000, "message": "log in"}
    for number in range(2 * FAILURES_IN_A_ROW):
        await client.prompt(str(10 + number))

    assert client.notices() == []


async def test_a_session_that_was_forked_stays_where_it_is(world: World, agent: FakeAgent, http: HttpAgent):
    agent.offering(sessionCapabilities={"fork": {}})
    agent.replies["session/fork"] = {"sessionId": "agent-2"}
    client = await talked(world, agent, http)
    await world.client("ses_2").fork(SESSION)
    agent.on_dial = unreachable
    agent.die()
    await asyncio.sleep(IN_TIME_S)

    assert client.notices() == ["agent-closed", "agent-lost"]


async def test_a_question_of_the_agent_that_is_left_is_void(world: World, agent: FakeAgent, http: HttpAgent):
    agent.offering(sessionCapabilities={"resume": {}})
    client = await talked(world, agent, http)
    await client.prompt("3", "go")
    agent.ask("7", "session/request_permission")
    await settle()
    agent.on_dial = unreachable
    agent.die()
    await asyncio.sleep(IN_TIME_S)

    assert [told["requestId"] for told in client.told("$/cancel_request")] == [f"{SESSION}/q1"]


async def test_a_conversation_that_is_not_committed_yet_is_told_all_the_same(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await talked(world, agent, http)
    agent.on_dial = unreachable
    agent.update(", or a goose")
    agent.die()
    await settle()
    await client.prompt("3", "and now?")
    await asyncio.sleep(IN_TIME_S)

    assert "Agent: a duck, or a goose" in http.prompts()[0][0]


async def test_an_http_agent_that_goes_away_is_brought_back_over_http(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await fallen(world, agent, http)
    dials = agent.dials
    client.forget()
    http.die()
    await asyncio.sleep(IN_TIME_S)

    assert client.notices() == ["agent-closed", "agent-back"]
    assert (agent.dials, http.dials) == (dials, 2)


async def test_a_request_that_http_does_not_know_is_answered_by_it(
    world: World, agent: FakeAgent, http: HttpAgent
):
    http.replies["session/set_mode"] = {"code": -32601, "message": "no such"}
    client = await fallen(world, agent, http)
    await client.request("5", "session/set_mode", modeId="x")

    assert cast("Json", client.reply("5")["error"])["code"] == -32601


async def test_an_agent_of_another_version_is_left_at_once(world: World, agent: FakeAgent, http: HttpAgent):
    client = await talked(world, agent, http)
    agent.replies["initialize"] = {"protocolVersion": 2}
    agent.die()
    await settle()
    await client.prompt("3", "and now?")

    assert agent.dials == 2
    assert client.reply("3")["result"] == DONE


async def test_waiting_for_memory_is_no_reason_to_leave(world: World, agent: FakeAgent, http: HttpAgent):
    client = await talked(world, agent, http)

    def full() -> None:
        raise errors.AgentMemoryError("no memory")

    agent.on_dial = full
    agent.die()
    await asyncio.sleep(IN_TIME_S)

    assert "fell-back" not in client.notices()
    assert http.dials == 0


async def test_a_prompt_that_is_cancelled_while_it_waits_is_not_run(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await talked(world, agent, http)
    agent.on_dial = unreachable
    agent.die()
    await settle()
    await client.prompt("3")
    await client.cancel()
    await asyncio.sleep(IN_TIME_S)

    assert cast("Json", client.reply("3")["result"])["stopReason"] == "cancelled"
    assert http.prompts() == []


async def test_http_that_does_not_answer_in_time_is_told_of(world: World, agent: FakeAgent, http: HttpAgent):
    http.replies["initialize"] = NOTHING_YET
    client = await fallen(world, agent, http)
    await asyncio.sleep(200.0)

    assert client.notices()[-2:] == ["fell-back", "agent-lost"]
