"""What a workspace decides is carried out between turns, and its clients notice a notice."""

import asyncio
from typing import cast

import pytest
from fake_agent import HttpAgent, prompts_of
from session_world import NOTHING_YET, SESSION, Client, FakeAgent, Json, Standing, World, settle

from actors import errors
from actors.agents.target import AgentTarget
from actors.connection.reconnecting import ReconnectPolicy
from actors.migration.contract import Chosen, FellBack, Switched, SwitchProtocol
from actors.protocol.agent_protocol import AgentProtocol

ACP, HTTP = AgentProtocol.ACP, AgentProtocol.HTTP
DONE = {"stopReason": "end_turn"}
FALLBACK = AgentTarget.parse("agentapi+http://127.0.0.1:3284")
TO_HTTP = SwitchProtocol(HTTP, "rolled-back", "The workspace is on HTTP now.", "success rate 0.9")
TO_ACP = SwitchProtocol(ACP, "returned", "The workspace is back on ACP.", "by hand")
IN_TIME_S = 60.0


def unreachable() -> None:
    raise errors.AgentUnreachableError("nobody there")


async def talked(world: World, agent: FakeAgent, http: HttpAgent) -> Client:
    """A client whose session over ACP has had one turn. Both agents end each turn at once."""
    world.set(fallback=FALLBACK, reconnect=ReconnectPolicy(1.0, 4.0, 3))
    agent.replies["session/prompt"] = http.replies["session/prompt"] = DONE
    client = await world.opened_client()
    await client.prompt("2", "what is it?")
    agent.update("a duck")
    await settle()
    client.forget()
    return client


async def told(world: World, message: SwitchProtocol) -> None:
    """The workspace decides, and stands so from then on."""
    world.standing.chosen = Chosen(message.to)
    world.connection.tell(message)
    await settle()


async def test_a_session_is_switched_at_once_where_no_turn_runs(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await talked(world, agent, http)
    await told(world, TO_HTTP)

    assert client.notices() == ["rolled-back"]
    notice = client.told("_lumilink/notice")[0]
    assert (notice["toast"], notice["entry"], notice["severity"]) == (TO_HTTP.toast, "rollback", "warning")
    assert world.told_workspace == [Switched(SESSION, HTTP)]
    assert agent.closed
    await client.prompt("3", "and now?")
    assert http.prompts()[0][1] == "and now?"
    assert "Agent: a duck" in http.prompts()[0][0]


async def test_the_turn_that_runs_ends_first_and_the_next_one_is_carried_otherwise(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await talked(world, agent, http)
    agent.replies["session/prompt"] = NOTHING_YET
    await client.prompt("3", "go")
    await client.prompt("4", "and now?")
    await told(world, TO_HTTP)
    await asyncio.sleep(10.0)
    assert http.heard == []
    agent.update("the end of it")
    agent.answer("session/prompt", DONE)
    await settle()

    assert client.reply("3")["result"] == client.reply("4")["result"] == DONE
    assert len(prompts_of(agent)) == 2
    assert http.prompts()[0][1] == "and now?"
    assert "the end of it" in http.prompts()[0][0]
    assert "agent-closed" not in client.notices()


async def test_a_prompt_that_waits_for_a_lost_agent_is_helped_by_a_switch(
    world: World, agent: FakeAgent, http: HttpAgent
):
    world.set(fallback_enabled=False)
    client = await talked(world, agent, http)
    agent.on_dial = unreachable
    agent.die()
    await settle()
    await told(world, TO_HTTP)
    await client.prompt("3", "and now?")

    assert http.prompts()[0][1] == "and now?"


async def test_a_prompt_that_waits_for_the_next_attempt_does_not_wait_for_it_after_a_switch(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await talked(world, agent, http)
    agent.on_dial = unreachable
    agent.die()
    await settle()
    await client.prompt("3", "and now?")
    assert http.heard == []
    await told(world, TO_HTTP)

    assert http.prompts()[0][1] == "and now?"
    assert client.notices() == ["agent-closed", "rolled-back"]
    await asyncio.sleep(IN_TIME_S)
    assert client.notices() == ["agent-closed", "rolled-back"]


async def test_on_return_the_agent_that_remembers_is_told_what_it_missed(
    world: World, agent: FakeAgent, http: HttpAgent
):
    agent.offering(sessionCapabilities={"resume": {}})
    client = await talked(world, agent, http)
    await told(world, TO_HTTP)
    await client.prompt("3", "over http")
    http.update("a goose", session="http-1")
    await settle()
    await told(world, TO_ACP)
    await client.prompt("4", "back again")
    await client.prompt("5", "and on")

    [resumed] = agent.requests("session/resume")
    assert cast("Json", resumed["params"])["sessionId"] == "agent-1"
    _, [context, words], last = prompts_of(agent)
    assert "a goose" in context
    assert "what is it?" not in context, "it remembers that itself"
    assert (words, last) == ("back again", ["and on"])
    assert client.notices() == ["rolled-back", "returned"]
    assert client.told("_lumilink/notice")[1]["severity"] == "info"


async def test_on_return_an_agent_that_does_not_remember_is_told_all(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await talked(world, agent, http)
    await told(world, TO_HTTP)
    await client.prompt("3", "over http")
    agent.replies["session/new"] = {"sessionId": "agent-2"}
    await told(world, TO_ACP)
    await client.prompt("4", "back again")

    context, words = prompts_of(agent)[1]
    assert "what is it?" in context
    assert "over http" in context
    assert words == "back again"
    assert "agent-forgot" not in client.notices()


async def test_the_second_time_over_http_it_is_told_what_happened_since_the_first(
    world: World, agent: FakeAgent, http: HttpAgent
):
    agent.offering(sessionCapabilities={"resume": {}})
    client = await talked(world, agent, http)
    for number, message in enumerate((TO_HTTP, TO_ACP, TO_HTTP)):
        await told(world, message)
        await client.prompt(str(10 + number), f"prompt {number}")

    assert len(http.requests("session/new")) == 1
    context = http.prompts()[1][0]
    assert "prompt 1" in context
    assert "prompt 0" not in context
    assert "what is it?" not in context


async def test_what_an_agent_replays_on_return_is_not_shown_again_and_nothing_of_the_other_is_missed(
    world: World, loading: FakeAgent, http: HttpAgent
):
    client = await talked(world, loading, http)
    await told(world, TO_HTTP)
    await client.prompt("3", "over http")
    http.update("a goose", session="http-1")
    await settle()
    send = loading.send

    def tell(frame: bytes) -> None:
        if b'"session/load"' in frame:
            for kind, words in (("user_message_chunk", "what is it?"), ("agent_message_chunk", "a duck")):
                update: Json = {"sessionUpdate": kind, "content": {"type": "text", "text": words}}
                params = {"sessionId": "agent-1", "update": update}
                loading.say({"jsonrpc": "2.0", "method": "session/update", "params": params})
        send(frame)

    loading.send = tell  # type: ignore[method-assign] # an agent of this test
    client.forget()
    await told(world, TO_ACP)

    assert client.story() == ["_lumilink/notice"]
    assert client.notices() == ["returned"]


async def test_every_turn_of_it_is_in_the_journal(world: World, agent: FakeAgent, http: HttpAgent):
    await talked(world, agent, http)
    await told(world, TO_HTTP)
    await told(world, TO_ACP)

    turned = [(one["from"], one["to"], one["trigger"], one["code"]) for one in await world.noted("protocol")]
    assert turned == [("acp", "http", "rollback", None), ("http", "acp", "return", None)]
    moves = [(one["protocol"], one["from"], one["to"]) for one in await world.noted("connection")]
    assert moves[2:] == [
        ("acp", "connected", "rolled-back"),
        ("http", "disconnected", "connecting"),
        ("http", "connecting", "connected"),
        ("http", "connected", "disconnected"),
        ("acp", "rolled-back", "connecting"),
        ("acp", "connecting", "connected"),
    ]


async def test_modes_are_kept_for_the_return(world: World, agent: FakeAgent, http: HttpAgent):
    agent.replies["session/set_mode"] = {}
    client = await talked(world, agent, http)
    await client.request("5", "session/set_mode", modeId="plan")
    await told(world, TO_HTTP)
    assert http.requests("session/set_mode") == []
    agent.replies["session/new"] = {"sessionId": "agent-2"}
    await told(world, TO_ACP)

    set_modes = [cast("Json", one["params"])["modeId"] for one in agent.requests("session/set_mode")]
    assert set_modes == ["plan", "plan"]
    assert "choice-lost" not in client.notices()


async def test_what_is_there_already_stays(world: World, agent: FakeAgent, http: HttpAgent):
    client = await talked(world, agent, http)
    await told(world, TO_ACP)

    assert client.notices() == []
    assert agent.dials == 1
    assert world.told_workspace == [Switched(SESSION, ACP)]


async def test_an_agent_that_nobody_needs_is_reached_with_the_next_prompt(
    world: World, agent: FakeAgent, http: HttpAgent
):
    agent.offering(sessionCapabilities={"resume": {}})
    world.set(agent_idle_s=10.0)
    client = await talked(world, agent, http)
    await asyncio.sleep(100.0)
    assert agent.closed
    await told(world, TO_HTTP)
    assert http.dials == 0
    assert world.told_workspace == [Switched(SESSION, HTTP)]
    await client.prompt("3", "and now?")

    assert http.prompts()[0][1] == "and now?"


async def test_a_workspace_that_cannot_be_switched_is_told_why_and_nothing_changes(
    world: World, agent: FakeAgent, http: HttpAgent
):
    http.is_up = False
    client = await talked(world, agent, http)
    await told(world, TO_HTTP)
    await client.prompt("3")

    assert world.told_workspace == [Switched(SESSION, HTTP, "agent-unreachable")]
    assert client.notices() == []
    assert len(prompts_of(agent)) == 2


async def test_an_agent_that_does_not_take_the_session_leaves_it_where_it_was(
    world: World, agent: FakeAgent, http: HttpAgent
):
    agent.offering(sessionCapabilities={"resume": {}})
    http.replies["session/new"] = {"code": -32603, "message": "the container holds one conversation"}
    client = await talked(world, agent, http)
    world.connection.tell(TO_HTTP)
    await settle()
    assert world.told_workspace == [Switched(SESSION, HTTP, "agent-protocol-error")]
    await client.prompt("3", "still here")

    assert client.notices() == []
    assert prompts_of(agent)[1] == ["still here"], "it has heard everything itself"
    assert [one["to"] for one in await world.noted("protocol")] == ["http", "acp"]


@pytest.mark.parametrize("by", ["client", "no-target"])
async def test_a_session_that_must_not_or_cannot_have_http_is_not_switched(
    world: World, agent: FakeAgent, http: HttpAgent, by: str
):
    world.set(fallback=None if by == "no-target" else FALLBACK)
    await world.client().open(fallback_enabled=by != "client")
    world.connection.tell(TO_HTTP)
    await settle()

    assert world.told_workspace == [Switched(SESSION, HTTP, "agent-capability-missing")]


async def test_a_session_that_fell_back_stays_so_until_its_workspace_returns(
    world: World, agent: FakeAgent, http: HttpAgent
):
    agent.offering(sessionCapabilities={"resume": {}})
    client = await talked(world, agent, http)
    agent.on_dial = unreachable
    agent.die()
    await asyncio.sleep(IN_TIME_S)
    agent.on_dial = lambda: None
    http.die()
    await asyncio.sleep(IN_TIME_S)
    assert agent.dials == 4
    assert client.notices()[-2:] == ["agent-closed", "agent-back"]
    await told(world, TO_ACP)
    await client.prompt("3")

    assert len(prompts_of(agent)) == 2
    assert [type(one) for one in world.told_workspace] == [FellBack, Switched]
    later = await world.client().attach()
    ours = cast("dict[str, dict[str, dict[str, Json]]]", later.reply("1"))["result"]["_meta"]["lumilink"]
    assert "fallbackReason" not in ours


async def test_a_standing_that_changed_while_the_agent_was_away_counts_when_it_is_dialled(
    world: World, agent: FakeAgent, http: HttpAgent
):
    agent.offering(sessionCapabilities={"resume": {}})
    await talked(world, agent, http)
    second = World(agent, before=world)
    second.standing = Standing(HTTP)
    second.set(fallback=FALLBACK)
    await second.take_up()
    client = await second.client().attach()
    await client.prompt("3", "and now?")

    assert http.prompts()[0][1] == "and now?"
    assert client.notices() == ["switched"]
    await second.end()


async def test_a_question_of_the_agent_that_is_left_is_void(world: World, agent: FakeAgent, http: HttpAgent):
    client = await talked(world, agent, http)
    agent.ask("7", "session/request_permission")
    await settle()
    await told(world, TO_HTTP)

    assert [told["requestId"] for told in client.told("$/cancel_request")] == [f"{SESSION}/q1"]


async def test_of_two_decisions_in_a_turn_the_later_one_counts(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await talked(world, agent, http)
    agent.replies["session/prompt"] = NOTHING_YET
    await client.prompt("3", "go")
    await told(world, TO_HTTP)
    await told(world, TO_ACP)
    agent.answer("session/prompt", DONE)
    await asyncio.sleep(5.0)

    assert http.dials == 0
    assert client.notices() == []
    assert world.told_workspace == [Switched(SESSION, ACP)]


async def test_a_switch_while_the_session_is_made_waits_for_it(
    world: World, agent: FakeAgent, http: HttpAgent
):
    world.set(fallback=FALLBACK)
    agent.replies["session/new"] = NOTHING_YET
    client = await world.client().open()
    world.connection.tell(TO_HTTP)
    await settle()
    assert http.dials == 0
    agent.answer("session/new", {"sessionId": "agent-1"})
    await asyncio.sleep(5.0)

    assert client.story() == ["=1", "_lumilink/notice"]
    assert client.notices() == ["rolled-back"]
    assert http.dials == 1


async def test_a_toast_of_the_workspace_is_short_and_free_of_secrets(
    world: World, agent: FakeAgent, http: HttpAgent
):
    client = await talked(world, agent, http)
    secret = "ghp_" + "a1" * 20
    await told(world, SwitchProtocol(HTTP, "rolled-back", f"{secret} " + "x" * 200, f"token {secret}"))

    notice = client.told("_lumilink/notice")[0]
    assert len(str(notice["toast"])) == 140
    assert secret not in str(notice)
    assert secret not in str(await world.entries())
