"""Requests of the agent: who is asked, whose answer counts, and how it finds its way back."""

import asyncio
from typing import cast

import pytest
from session_world import SESSION, FakeAgent, World, settle

from actors.connection import questions
from actors.connection.messages import AttachMode

ALLOW = {"outcome": {"outcome": "selected", "optionId": "yes"}}
PERMISSION = "session/request_permission"
READ = "fs/read_text_file"


@pytest.mark.parametrize("id_text", ["1", "1.0", '"1"', "null", "12345678901234567890", '"\\u00e9"'])
async def test_an_answer_reaches_the_agent_under_its_own_id(world: World, agent: FakeAgent, id_text: str):
    sent: list[bytes] = []
    client = await world.opened_client()
    agent.ask(id_text, PERMISSION, toolCall={}, options=[])
    await settle()
    send = agent.send
    agent.send = lambda frame: (sent.append(frame), send(frame))[1]  # type: ignore[method-assign] # to see the bytes
    await client.answer(client.questions()[0]["id"], ALLOW)

    assert len(sent) == 1
    assert b'"id":' + id_text.encode() + b"," in sent[0]
    assert agent.answers()[-1]["result"] == ALLOW


async def test_the_client_is_asked_under_our_name_of_the_session(world: World, agent: FakeAgent):
    client = await world.opened_client()
    agent.ask("7", PERMISSION, toolCall={"toolCallId": "t"}, options=[])
    await settle()

    question = client.questions()[0]
    assert question["params"] == {"sessionId": SESSION, "toolCall": {"toolCallId": "t"}, "options": []}
    assert str(question["id"]).startswith(f"{SESSION}/")


async def test_an_error_is_an_answer_too(world: World, agent: FakeAgent):
    client = await world.opened_client()
    agent.ask("7", READ, path="/x")
    await settle()
    error = {"code": -32000, "message": "no such file"}
    await client.send({"jsonrpc": "2.0", "id": client.questions()[0]["id"], "error": error})

    assert agent.answers()[-1] == {"jsonrpc": "2.0", "id": 7, "error": error}


async def test_permissions_are_asked_of_all_and_the_first_answer_wins(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    agent.ask("7", PERMISSION)
    await settle()
    question = two.questions()[0]["id"]
    assert one.questions()[0]["id"] == question
    await two.answer(question, ALLOW)
    await one.answer(question, {"outcome": {"outcome": "cancelled"}})

    assert [answer["result"] for answer in agent.answers()] == [ALLOW]
    assert [notice["code"] for notice in one.told("_lumilink/notice")] == ["question-unknown"]
    assert two.told("_lumilink/notice") == []


async def test_who_did_not_answer_is_told_what_was_decided(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    agent.ask("7", PERMISSION)
    await settle()
    question = two.questions()[0]["id"]
    await two.answer(question, ALLOW)

    decided = {"lumilink": {"state": "answered", "outcome": ALLOW}}
    assert one.told("$/cancel_request") == [{"requestId": question, "_meta": decided}]
    assert two.told("$/cancel_request") == []


async def test_the_answer_of_the_driver_is_no_news_for_those_who_were_not_asked(
    world: World, agent: FakeAgent
):
    one = await world.opened_client()
    two = await world.client().attach()
    two.forget()
    agent.ask("7", READ, path="/x")
    await settle()
    await one.answer(one.questions()[0]["id"], {"content": "a secret"})

    assert two.messages() == []
    assert agent.answers()[-1]["result"] == {"content": "a secret"}


async def test_files_are_asked_of_the_client_that_prompted_last(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    await two.prompt("2")
    agent.ask("7", READ, path="/x")
    await settle()

    assert one.questions() == []
    assert len(two.questions()) == 1


async def test_a_prompt_that_only_waits_does_not_take_the_files_of_the_running_turn(
    world: World, agent: FakeAgent
):
    one = await world.opened_client()
    two = await world.client().attach()
    await one.prompt("2")
    await two.prompt("3")
    agent.ask("7", READ, path="/x")
    await settle()

    assert len(one.questions()) == 1
    assert two.questions() == []


async def test_what_the_driver_was_asked_is_asked_of_its_successor(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    await one.prompt("2")
    agent.ask("7", READ, path="/x")
    await settle()
    await one.leave()
    assert len(two.questions()) == 1
    await two.answer(two.questions()[0]["id"], {"content": "x"})

    assert agent.answers()[-1]["result"] == {"content": "x"}


async def test_what_a_former_driver_was_asked_is_handed_over_when_it_leaves(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    await one.prompt("2")
    agent.ask("7", READ, path="/x")
    await settle()
    agent.answer("session/prompt", {"stopReason": "end_turn"})
    await two.prompt("3")
    assert two.questions() == [], "the client that was asked is still there"
    await one.leave()

    assert len(two.questions()) == 1


async def test_a_question_is_asked_of_the_same_client_once(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    await one.prompt("2")
    agent.ask("7", READ, path="/x")
    agent.ask("8", PERMISSION)
    await settle()
    await two.leave()
    three = await world.client().attach()
    await three.leave()

    assert len(one.questions()) == 2
    assert [question["method"] for question in three.questions()] == [PERMISSION]


async def test_a_question_without_any_client_is_asked_of_the_next_that_comes(world: World, agent: FakeAgent):
    one = await world.opened_client()
    await one.leave()
    agent.ask("7", READ, path="/x")
    agent.ask("8", PERMISSION)
    await settle()
    two = await world.client().attach()
    three = await world.client().attach(AttachMode.RESUME)

    assert sorted(str(question["method"]) for question in two.questions()) == [READ, PERMISSION]
    assert [question["method"] for question in three.questions()] == [PERMISSION]


@pytest.mark.parametrize("mode", list(AttachMode))
async def test_open_questions_are_asked_again_after_the_answer_to_an_attach(
    world: World, agent: FakeAgent, mode: AttachMode
):
    await world.opened_client()
    agent.update("before")
    agent.ask("7", PERMISSION)
    await settle()
    two = await world.client().attach(mode)

    assert two.story()[-2:] == ["=1", f"?{PERMISSION}"]
    assert two.story().count(f"?{PERMISSION}") == 1


async def test_answered_questions_are_not_asked_again(world: World, agent: FakeAgent):
    one = await world.opened_client()
    agent.ask("7", PERMISSION)
    await settle()
    await one.answer(one.questions()[0]["id"], ALLOW)
    two = await world.client().attach()

    assert two.questions() == []


async def test_a_withdrawn_question_is_told_to_whom_it_was_asked(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    await one.prompt("2")
    agent.ask("7", READ, path="/x")
    agent.ask('"p"', PERMISSION)
    await settle()
    for request_id in (7, "p"):
        agent.say({"jsonrpc": "2.0", "method": "$/cancel_request", "params": {"requestId": request_id}})
    await settle()

    for client, count in ((one, 2), (two, 1)):
        asked = [question["id"] for question in client.questions()]
        assert [params["requestId"] for params in client.told("$/cancel_request")] == asked
        assert len(asked) == count
    later = await world.client().attach()
    assert "$/cancel_request" not in later.story(), "who was not asked need not be told"


async def test_a_question_is_withdrawn_among_several_sessions(world: World, agent: FakeAgent):
    agent.replies["initialize"] = {
        "protocolVersion": 1,
        "agentCapabilities": {"sessionCapabilities": {"fork": {}}},
    }
    agent.replies["session/fork"] = {"sessionId": "agent-2"}
    await world.opened_client()
    second = await world.client("ses_2").fork(SESSION)
    agent.ask("7", PERMISSION, session="agent-2")
    agent.say({"jsonrpc": "2.0", "method": "$/cancel_request", "params": {"requestId": 7}})
    await settle()

    (told,) = second.told("$/cancel_request")
    assert told == {"requestId": second.questions()[0]["id"], "_meta": {"lumilink": {"state": "withdrawn"}}}


async def test_an_answer_that_the_agent_cannot_take_now_reaches_it_once_it_reads_again(
    world: World, agent: FakeAgent
):
    client = await world.opened_client()
    agent.ask("7", PERMISSION)
    await settle()
    question = client.questions()[0]["id"]
    agent.full = True
    await client.answer(question, ALLOW)
    await asyncio.sleep(10.0)
    assert agent.answers() == []
    agent.full = False
    await asyncio.sleep(1.0)

    assert agent.answers() == [{"jsonrpc": "2.0", "id": 7, "result": ALLOW}]
    assert client.messages() == client.questions(), "it need not be asked again"


async def test_too_many_questions_are_refused_to_the_agent(
    world: World, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(questions, "MAX_QUESTIONS", 2)
    client = await world.opened_client()
    for number in (1, 2, 3):
        agent.ask(str(number), PERMISSION)
    await settle()

    assert len(client.questions()) == 2
    refusal = agent.answers()[-1]
    assert refusal["id"] == 3
    assert cast("dict[str, dict[str, object]]", refusal["error"])["data"]["code"] == "mailbox-full"


async def test_a_request_for_a_session_that_is_not_there_is_refused_to_the_agent(
    world: World, agent: FakeAgent
):
    client = await world.opened_client()
    agent.ask('"x"', PERMISSION, session="agent-9")
    await settle()

    assert client.messages() == []
    refusal = agent.answers()[-1]
    assert refusal["id"] == "x"
    assert cast("dict[str, object]", refusal["error"])["code"] == -32602


async def test_a_request_without_a_session_is_asked_where_there_is_one_session(
    world: World, agent: FakeAgent
):
    client = await world.opened_client()
    agent.ask("7", "_vendor/pick", session=None, x=1)
    await settle()
    await client.answer(client.questions()[0]["id"], {"y": 2})

    assert client.questions()[0]["params"] == {"x": 1}
    assert agent.answers()[-1] == {"jsonrpc": "2.0", "id": 7, "result": {"y": 2}}


async def test_questions_of_a_dead_agent_are_not_asked_again(world: World, agent: FakeAgent):
    client = await world.opened_client()
    agent.ask("7", PERMISSION)
    await settle()
    question = client.questions()[0]["id"]
    agent.die()
    await settle()
    await client.answer(question, ALLOW)
    later = await world.client().attach()

    assert later.questions() == []
    assert client.told("$/cancel_request") == [
        {"requestId": question, "_meta": {"lumilink": {"state": "void"}}}
    ]
    assert "question-unknown" in [notice.get("code") for notice in client.told("_lumilink/notice")]


async def test_closing_a_session_ends_the_questions_of_its_agent(world: World, agent: FakeAgent):
    client = await world.opened_client()
    agent.ask("7", PERMISSION)
    await settle()
    await client.request("2", "session/close")

    refusal = agent.answers()[-1]
    assert refusal["id"] == 7
    assert cast("dict[str, object]", refusal["error"])["code"] == -32800
