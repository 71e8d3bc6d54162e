"""An agent that went away is brought back, with the session that it had."""

import asyncio
from dataclasses import replace
from typing import cast

import pytest
from session_world import NOTHING_YET, FakeAgent, Json, World, settle
from slow_journal import SlowJournal

from actors.connection.care import IDLE_CHECK_S

DONE = {"stopReason": "end_turn"}
IN_TIME_S = 200.0


def methods(agent: FakeAgent, since: int = 0) -> list[object]:
    return [message["method"] for message in agent.heard[since:] if "method" in message]


def replaying(agent: FakeAgent, *said: tuple[str, str]) -> None:
    """At ``session/load`` the agent tells its conversation before it answers."""
    send = agent.send

    def tell(frame: bytes) -> None:
        if b'"session/load"' in frame:
            for kind, words in said:
                update: Json = {"sessionUpdate": kind, "content": {"type": "text", "text": words}}
                params = {"sessionId": "agent-1", "update": update}
                agent.say({"jsonrpc": "2.0", "method": "session/update", "params": params})
        send(frame)

    agent.send = tell  # type: ignore[method-assign] # an agent of this test


async def test_the_next_prompt_brings_an_agent_back_that_can_resume(world: World, resuming: FakeAgent):
    client = await world.opened_client()
    resuming.die()
    await settle()
    since = len(resuming.heard)
    await client.prompt("2")

    assert methods(resuming, since) == ["initialize", "session/resume", "session/prompt"]
    resumed = resuming.requests("session/resume")[0]["params"]
    assert resumed == {"sessionId": "agent-1", "cwd": "/w", "mcpServers": []}
    resuming.answer("session/prompt", DONE)
    await settle()
    assert client.reply("2")["result"] == DONE


async def test_an_agent_that_was_cut_off_in_a_turn_loads_so_that_we_hear_what_we_missed(
    world: World, resuming: FakeAgent
):
    client = await world.opened_client()
    await client.prompt("2", "hello")
    resuming.update("half a sent")
    resuming.die()
    await settle()
    assert client.code("2") == "turn-interrupted"
    replaying(resuming, ("user_message_chunk", "hello"), ("agent_message_chunk", "half a sentence"))
    await asyncio.sleep(IN_TIME_S)

    said = [word for word in client.story() if not word.startswith(("=", "_"))]
    assert said == ["half a sent", "ence"]
    assert resuming.requests("session/resume") == []
    await client.prompt("3")
    assert len(resuming.requests("session/load")) == 1, "it is there now"


async def test_what_an_agent_replays_is_not_shown_again(world: World, loading: FakeAgent):
    client = await world.opened_client()
    await client.prompt("2", "hello")
    loading.update("one")
    loading.update("two")
    loading.answer("session/prompt", DONE)
    await settle()
    loading.die()
    await settle()
    replaying(loading, ("user_message_chunk", "hello"), ("agent_message_chunk", "onetwo"))
    await client.prompt("3", "again")
    loading.update("three")
    await settle()
    later = await world.client().attach()

    assert [word for word in client.story() if word[0] not in "=_"] == ["one", "two", "three"]
    assert later.story() == ["hello", "one", "two", "again", "three", "=1"]


async def test_what_was_missed_is_not_lost_if_it_is_a_prompt_that_brings_the_agent_back(
    world: World, loading: FakeAgent
):
    client = await world.opened_client()
    await client.prompt("2", "hello")
    loading.update("half a sent")
    loading.die()
    await settle()
    replaying(loading, ("user_message_chunk", "hello"), ("agent_message_chunk", "half a sentence"))
    await client.prompt("3", "go on")

    assert len(loading.requests("session/prompt")) == 2
    assert "ence" in client.story()


async def test_what_is_not_committed_yet_is_known_when_the_agent_replays_it(
    agent: FakeAgent, loading: FakeAgent
):
    journal = SlowJournal()
    world = World(loading, journal)
    client = await world.opened_client()
    journal.hold()
    loading.update("one")
    loading.die()
    await settle()
    replaying(loading, ("agent_message_chunk", "one"))
    await asyncio.sleep(IN_TIME_S)
    journal.let_go()
    await asyncio.sleep(IN_TIME_S)

    assert [word for word in client.story() if word[0] != "_"] == ["one"]
    await world.end()


async def test_the_last_state_of_a_replay_is_the_one_that_counts(world: World, loading: FakeAgent):
    def state(mode: str) -> Json:
        update = {"sessionUpdate": "current_mode_update", "currentModeId": mode}
        params = {"sessionId": "agent-1", "update": update}
        return {"jsonrpc": "2.0", "method": "session/update", "params": params}

    client = await world.opened_client()
    for mode in ("ask", "code"):
        loading.say(state(mode))
    await settle()
    loading.die()
    await settle()
    send = loading.send

    def tell(frame: bytes) -> None:
        if b'"session/load"' in frame:
            loading.say(state("ask"))
        send(frame)

    loading.send = tell  # type: ignore[method-assign] # an agent of this test
    client.forget()
    await client.prompt("2")

    modes = [cast("Json", params["update"]).get("currentModeId") for params in client.told("session/update")]
    assert modes == ["ask"], "it went back to it while we did not hear it"


async def test_an_agent_that_can_neither_forgets_and_everyone_is_told(world: World, agent: FakeAgent):
    client = await world.opened_client()
    agent.die()
    await settle()
    agent.replies["session/new"] = {"sessionId": "agent-2"}
    await client.prompt("2")
    agent.update("from the new one", session="agent-2")
    agent.update("from nobody")
    await settle()

    assert client.notices() == ["agent-closed", "agent-forgot"]
    assert cast("Json", agent.requests("session/prompt")[0]["params"])["sessionId"] == "agent-2"
    assert "from the new one" in client.story()
    assert "from nobody" not in client.story()
    assert (await world.scope.store.find("inst", "ses_1")).record.agent_id == "agent-2"


async def test_a_request_brings_the_agent_back_too(world: World, resuming: FakeAgent):
    resuming.replies["session/set_mode"] = {}
    client = await world.opened_client()
    resuming.die()
    await settle()
    await client.request("5", "session/set_mode", modeId="x")

    assert client.reply("5")["result"] == {}


async def test_all_who_need_the_agent_wait_for_one_attempt(world: World, resuming: FakeAgent):
    client = await world.opened_client()
    resuming.die()
    await settle()
    resuming.replies["session/resume"] = NOTHING_YET
    await client.prompt("2")
    await client.request("5", "session/set_mode", modeId="x")
    await client.request("6", "session/set_mode", modeId="y")
    assert resuming.requests("session/set_mode") == resuming.requests("session/prompt") == []
    resuming.answer("session/resume", {})
    await settle()

    assert resuming.dials == 2
    assert len(resuming.requests("session/set_mode")) == 2
    assert len(resuming.requests("session/prompt")) == 1


@pytest.mark.parametrize("refused", [["initialize"], ["session/load", "session/new"]])
async def test_an_agent_that_cannot_be_brought_back_fails_the_prompt_as_never_started(
    world: World, loading: FakeAgent, refused: list[str]
):
    client = await world.opened_client()
    loading.die()
    await settle()
    before = dict(loading.replies)
    loading.replies.update({method: {"code": -32000, "message": "no"} for method in refused})
    await client.prompt("2", prompt_id="p-1")
    assert client.code("2") == "agent-protocol-error"
    assert loading.closed
    loading.replies = before
    await client.prompt("3", prompt_id="p-1")

    assert len(loading.requests("session/prompt")) == 1, "it never ran, so it may be repeated"


async def test_an_agent_that_has_lost_the_session_gets_a_new_one_and_the_client_is_told(
    world: World, loading: FakeAgent
):
    client = await world.opened_client()
    loading.die()
    await settle()
    loading.replies["session/load"] = {"code": -32002, "message": "no such session"}
    await client.prompt("2")

    assert len(loading.requests("session/new")) == 2
    assert len(loading.requests("session/prompt")) == 1
    assert "agent-forgot" in client.notices()


async def test_a_prompt_that_the_agent_could_not_take_may_be_repeated(world: World, agent: FakeAgent):
    client = await world.opened_client()
    agent.full = True
    await client.prompt("2", prompt_id="p-1")
    assert client.code("2") == "mailbox-full"
    agent.full = False
    await client.prompt("3", prompt_id="p-1")

    assert len(agent.requests("session/prompt")) == 1


async def test_an_agent_that_nobody_needs_is_let_go_and_comes_back(world: World, resuming: FakeAgent):
    world.settings = replace(world.settings, agent_idle_s=100.0)
    client = await world.opened_client()
    await asyncio.sleep(100.0 + 2 * IDLE_CHECK_S)
    assert resuming.closed
    assert client.messages() == [], "the client notices nothing"
    await client.prompt("2")

    assert resuming.dials == 2
    assert len(resuming.requests("session/prompt")) == 1


async def test_an_agent_that_cannot_come_back_is_kept(world: World, agent: FakeAgent):
    world.settings = replace(world.settings, agent_idle_s=100.0)
    await world.opened_client()
    await asyncio.sleep(1000.0)

    assert not agent.closed


async def test_a_session_can_be_forked_while_its_agent_is_away(world: World, agent: FakeAgent):
    agent.offering(loadSession=True, sessionCapabilities={"fork": {}})
    agent.replies["session/fork"] = {"sessionId": "agent-2"}
    await world.opened_client()
    agent.die()
    await settle()
    second = await world.client("ses_2").fork("ses_1")

    assert "result" in second.reply("1")
