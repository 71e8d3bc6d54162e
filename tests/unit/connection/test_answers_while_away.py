"""Questions of an agent whose link breaks: asked again or not when it is back, and decided once."""

import asyncio
from dataclasses import replace

import pytest
from fake_agent import FakeAgent
from session_world import SESSION, Client, Json, World, settle
from slow_journal import SlowJournal

from actors.agents.target import AgentTarget
from actors.connection.deciding import ASK_AGAIN_S
from actors.connection.messages import DecideQuestion
from actors.connection.reconnecting import ReconnectPolicy

ALLOW = {"outcome": {"outcome": "selected", "optionId": "yes"}}
PERMISSION = "session/request_permission"
READ = "fs/read_text_file"
CALL: Json = {"toolCall": {"toolCallId": "call-1", "title": "Do it"}, "options": []}
BACK_S = 1.5
"""After so long an agent that is dialled again is back, and has not had its time to ask again."""


async def asked(world: World, agent: FakeAgent, method: str = PERMISSION) -> tuple[Client, object]:
    """A client in a turn, and the question that it was asked."""
    client = await world.opened_client()
    await client.prompt("2")
    agent.ask("7", method, **CALL)
    await settle()
    return client, client.questions()[0]["id"]


async def break_link(agent: FakeAgent) -> None:
    agent.die("the link broke")
    await settle()


async def decisions(world: World) -> list[bytes]:
    """What was decided, as the journal has it."""
    return [entry.payload for entry in await world.entries() if entry.kind == "decision"]


async def test_an_answer_given_while_the_agent_is_away_reaches_it_when_it_asks_again(
    world: World, resuming: FakeAgent
):
    client, question = await asked(world, resuming)
    other = await world.client().attach()
    await break_link(resuming)
    assert client.told("$/cancel_request") == [], "it may still be answered"
    await client.answer(question, ALLOW)
    assert resuming.answers() == []
    await asyncio.sleep(BACK_S)
    resuming.ask('"9"', PERMISSION, **CALL)
    await settle()

    assert resuming.answers() == [{"jsonrpc": "2.0", "id": "9", "result": ALLOW}]
    assert len(client.questions()) == len(other.questions()) == 1, "nobody is asked twice"
    assert len(await decisions(world)) == 1
    await asyncio.sleep(2 * ASK_AGAIN_S)
    assert "answer-unheard" not in client.notices()


async def test_an_open_question_that_is_asked_again_is_the_same_question(world: World, resuming: FakeAgent):
    client, question = await asked(world, resuming)
    await break_link(resuming)
    await asyncio.sleep(BACK_S)
    resuming.ask('"9"', PERMISSION, **CALL)
    await asyncio.sleep(2 * ASK_AGAIN_S)
    await client.answer(question, ALLOW)

    assert resuming.answers() == [{"jsonrpc": "2.0", "id": "9", "result": ALLOW}]
    assert len(client.questions()) == 1


async def test_a_client_that_comes_while_the_agent_is_away_is_asked_too(world: World, resuming: FakeAgent):
    _, question = await asked(world, resuming)
    await break_link(resuming)
    later = await world.client().attach()
    assert [one["id"] for one in later.questions()] == [question]
    await later.answer(question, ALLOW)
    await asyncio.sleep(BACK_S)
    resuming.ask("9", PERMISSION, **CALL)
    await settle()

    assert [answer["result"] for answer in resuming.answers()] == [ALLOW]


async def test_an_answer_is_never_sent_under_an_id_of_the_old_link(world: World, resuming: FakeAgent):
    client, question = await asked(world, resuming)
    await break_link(resuming)
    await asyncio.sleep(BACK_S)
    resuming.ask("7", PERMISSION, toolCall={"toolCallId": "call-2", "title": "Delete all"}, options=[])
    await settle()
    await client.answer(question, ALLOW)
    await settle()

    assert resuming.answers() == [], "its request 7 is another one now"
    assert len(client.questions()) == 2


async def test_an_answer_that_the_agent_does_not_ask_for_again_stays_recorded_and_is_said_to_be_unheard(
    world: World, resuming: FakeAgent
):
    client, question = await asked(world, resuming)
    await break_link(resuming)
    await client.answer(question, ALLOW)
    await asyncio.sleep(BACK_S + 2 * ASK_AGAIN_S)

    assert resuming.answers() == []
    [unheard] = [told for told in client.told("_lumilink/notice") if told.get("kind") == "answer-unheard"]
    assert unheard["questionId"] == question
    [decision] = await decisions(world)
    assert b'"state":"answered"' in decision
    resuming.ask("9", PERMISSION, **CALL)
    await settle()
    assert len(client.questions()) == 2, "so late it is a question of its own"


async def test_a_question_that_is_not_asked_again_is_void(world: World, resuming: FakeAgent):
    client, question = await asked(world, resuming)
    await break_link(resuming)
    await asyncio.sleep(BACK_S + 2 * ASK_AGAIN_S)

    void = {"requestId": question, "_meta": {"lumilink": {"state": "void"}}}
    assert client.told("$/cancel_request") == [void]
    await client.answer(question, ALLOW)
    assert "question-unknown" in [told.get("code") for told in client.told("_lumilink/notice")]


async def test_an_agent_that_forgot_the_session_will_not_ask_again(world: World, resuming: FakeAgent):
    client, question = await asked(world, resuming)
    await break_link(resuming)
    await client.answer(question, ALLOW)
    for method in ("session/resume", "session/load"):
        resuming.replies[method] = {"code": -32002, "message": "no such session"}
    await asyncio.sleep(BACK_S)

    assert client.notices()[-2:] == ["answer-unheard", "agent-back"]
    assert "agent-forgot" in client.notices()


async def test_an_agent_that_is_not_reached_again_will_not_ask_again(world: World, resuming: FakeAgent):
    client, question = await asked(world, resuming)
    resuming.replies["initialize"] = {"code": -32000, "message": "no"}
    await break_link(resuming)
    await client.answer(question, ALLOW)
    await asyncio.sleep(300.0)

    assert client.notices()[-2:] == ["agent-lost", "answer-unheard"]


@pytest.mark.parametrize("target", ["ws://127.0.0.1:1/acp", "stdio:agent"])
async def test_an_agent_that_cannot_remember_will_not_ask_again(world: World, agent: FakeAgent, target: str):
    if target.startswith("stdio"):
        agent.offering(loadSession=True)
    world.settings = replace(world.settings, target=AgentTarget.parse(target))
    client, question = await asked(world, agent)
    await break_link(agent)

    void = {"requestId": question, "_meta": {"lumilink": {"state": "void"}}}
    assert client.told("$/cancel_request") == [void]


async def test_a_file_of_a_client_is_not_kept_for_an_agent_that_went_away(world: World, resuming: FakeAgent):
    client, question = await asked(world, resuming, READ)
    await break_link(resuming)

    assert [told["requestId"] for told in client.told("$/cancel_request")] == [question]


async def test_a_decision_over_http_brings_back_an_agent_that_nobody_watches(
    world: World, resuming: FakeAgent
):
    client, question = await asked(world, resuming)
    await client.leave()
    await break_link(resuming)
    await asyncio.sleep(60.0)
    assert resuming.dials == 1
    await world.connection.ask(DecideQuestion(SESSION, str(question), b'{"outcome":{}}'), 1.0)
    await asyncio.sleep(BACK_S + 2.0)
    resuming.ask("9", PERMISSION, **CALL)
    await settle()

    assert resuming.dials == 2
    assert [answer["result"] for answer in resuming.answers()] == [{"outcome": {}}]


async def test_an_agent_that_asks_again_before_the_decision_is_committed_hears_it_afterwards(
    world: World, resuming: FakeAgent, journal: SlowJournal
):
    client, question = await asked(world, resuming)
    await break_link(resuming)
    await asyncio.sleep(BACK_S)
    journal.hold()
    await client.answer(question, ALLOW)
    resuming.ask("9", PERMISSION, **CALL)
    await settle()
    assert resuming.answers() == []
    journal.let_go()
    await settle()

    assert resuming.answers() == [{"jsonrpc": "2.0", "id": 9, "result": ALLOW}]


async def test_an_answer_that_was_decided_as_the_link_broke_waits_as_well(
    world: World, resuming: FakeAgent, journal: SlowJournal
):
    client, question = await asked(world, resuming)
    journal.hold()
    await client.answer(question, ALLOW)
    await break_link(resuming)
    journal.let_go()
    await asyncio.sleep(BACK_S)
    resuming.ask("9", PERMISSION, **CALL)
    await settle()

    assert resuming.answers() == [{"jsonrpc": "2.0", "id": 9, "result": ALLOW}]


async def test_an_agent_that_goes_away_again_gets_its_time_anew(world: World, resuming: FakeAgent):
    client, question = await asked(world, resuming)
    await break_link(resuming)
    await client.answer(question, ALLOW)
    await asyncio.sleep(ASK_AGAIN_S - 2.0)
    await break_link(resuming)
    await asyncio.sleep(ASK_AGAIN_S - 2.0)
    assert "answer-unheard" not in client.notices()
    resuming.ask("9", PERMISSION, **CALL)
    await settle()

    assert [answer["result"] for answer in resuming.answers()] == [ALLOW]


async def test_a_session_that_ends_says_which_answers_were_not_heard(world: World, resuming: FakeAgent):
    client, question = await asked(world, resuming)
    resuming.replies["initialize"] = {"code": -32000, "message": "no"}
    await break_link(resuming)
    await client.answer(question, ALLOW)
    await world.system.stop(10.0)

    assert client.notices()[-1] == "answer-unheard"


async def test_a_session_can_be_closed_while_a_question_waits_for_its_agent(
    world: World, resuming: FakeAgent
):
    client, question = await asked(world, resuming)
    await break_link(resuming)
    await client.request("9", "session/close")

    assert client.reply("9")["result"] == {}
    assert [told["requestId"] for told in client.told("$/cancel_request")] == [question]


async def test_an_idle_agent_that_waits_for_an_answer_is_not_let_go(world: World, resuming: FakeAgent):
    client = await world.opened_client()
    resuming.ask("7", PERMISSION, **CALL)
    await asyncio.sleep(2 * world.settings.agent_idle_s)
    assert not resuming.closed
    await client.answer(client.questions()[0]["id"], ALLOW)

    assert [answer["result"] for answer in resuming.answers()] == [ALLOW]


# ---------------------------------------------------------------------- another worker


async def test_a_decision_that_the_agent_did_not_hear_reaches_it_from_another_worker(
    world: World, resuming: FakeAgent
):
    world.set(reconnect=ReconnectPolicy(first_delay_s=9e4, max_delay_s=9e4))  # it ends before that
    client, question = await asked(world, resuming)
    await break_link(resuming)
    await client.answer(question, ALLOW)
    there = await World(resuming, before=world).take_up()
    again = await there.client(again=client).come_again(client)
    await asyncio.sleep(BACK_S)
    resuming.ask("9", PERMISSION, **CALL)
    await settle()

    assert resuming.answers() == [{"jsonrpc": "2.0", "id": 9, "result": ALLOW}]
    assert again.questions() == [], "it is decided"
    assert len(await decisions(there)) == 1
    assert (await there.scope.store.find("inst", SESSION)).record.untold == ()
    await there.end()


async def test_a_decision_that_is_not_asked_for_again_is_said_to_be_unheard_by_another_worker(
    world: World, resuming: FakeAgent
):
    client, question = await asked(world, resuming)
    await break_link(resuming)
    await client.answer(question, ALLOW)
    there = await World(resuming, before=world).take_up()
    again = await there.client(again=client).come_again(client)
    await asyncio.sleep(BACK_S + 2 * ASK_AGAIN_S)

    assert "answer-unheard" in again.notices()
    assert (await there.scope.store.find("inst", SESSION)).record.untold == ()
    await there.end()


async def test_what_the_agent_was_told_is_not_in_the_record_any_more(world: World, agent: FakeAgent):
    client, question = await asked(world, agent)
    await client.answer(question, ALLOW)

    assert len(agent.answers()) == 1
    assert (await world.scope.store.find("inst", SESSION)).record.untold == ()
