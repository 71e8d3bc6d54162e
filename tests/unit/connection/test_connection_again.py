"""Views that lost their link and come again, while the worker that holds the session goes on."""

from typing import cast

from session_world import SESSION, Client, FakeAgent, World, settle

DONE = {"stopReason": "end_turn"}
PERMISSION = "session/request_permission"
READ = "fs/read_text_file"


def answers(client: Client, id_text: str) -> list[object]:
    """All answers to one request."""
    return [
        frame[3] for frame in client.channel.frames if frame[0] == "answer" and frame[2] == id_text.encode()
    ]


async def test_it_sees_what_it_missed_and_is_told_nothing_twice(world: World, agent: FakeAgent):
    one = await world.opened_client()
    agent.update("seen")
    await settle()
    await one.leave()
    agent.update("missed")
    await settle()
    again = await world.client(again=one).come_again(one)
    agent.update("new")
    await settle()

    assert again.story() == ["missed", "=0", "new"]


async def test_it_takes_the_place_of_a_view_whose_end_was_not_noticed(world: World, agent: FakeAgent):
    one = await world.opened_client()
    again = await world.client(again=one).come_again(one)
    agent.update("once")
    await settle()

    assert one.messages() == []
    assert again.story() == ["=0", "once"]


async def test_a_prompt_that_still_runs_is_answered_when_it_ends_and_once(world: World, agent: FakeAgent):
    one = await world.opened_client()
    await one.prompt("7")
    await one.leave()
    again = await world.client(again=one).come_again(one, b"7")
    assert answers(again, "7") == []
    agent.answer("session/prompt", DONE)
    await settle()

    assert again.reply("7")["result"] == DONE


async def test_a_prompt_that_ended_meanwhile_is_answered_once(world: World, agent: FakeAgent):
    one = await world.opened_client()
    await one.prompt("7")
    await one.leave()
    agent.answer("session/prompt", DONE)
    await settle()
    again = await world.client(again=one).come_again(one, b"7")

    assert again.reply("7")["result"] == DONE
    assert len(agent.requests("session/prompt")) == 1


async def test_a_prompt_that_joined_anothers_turn_is_answered_once(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    await one.prompt("7", prompt_id="p-1")
    await two.prompt("9", prompt_id="p-1")
    await two.leave()
    again = await world.client(again=two).come_again(two, b"9")
    agent.answer("session/prompt", DONE)
    await settle()

    assert again.reply("9")["result"] == one.reply("7")["result"] == DONE


async def test_a_prompt_that_still_waits_is_run_and_answered_once(world: World, agent: FakeAgent):
    one = await world.opened_client()
    await one.prompt("7")
    await one.prompt("8")
    await one.leave()
    again = await world.client(again=one).come_again(one, b"7", b"8")
    for _ in range(2):
        agent.answer("session/prompt", DONE)
        await settle()

    assert again.reply("7")["result"] == again.reply("8")["result"] == DONE


async def test_a_prompt_that_never_came_is_said_to_be_lost(world: World, agent: FakeAgent):
    one = await world.opened_client()
    await one.leave()
    again = await world.client(again=one).come_again(one, b'"x"')

    error = cast("dict[str, dict[str, object]]", again.reply('"x"')["error"])
    assert error["data"]["code"] == "link-broken"
    assert error["data"]["retryable"] is True


async def test_it_is_asked_what_is_open_and_what_was_decided_is_not_asked(world: World, agent: FakeAgent):
    """Also what it was asked before: its answer may have been lost on the way."""
    one = await world.opened_client()
    two = await world.client().attach()
    for id_text in ("1", "2"):
        agent.ask(id_text, PERMISSION)
    await settle()
    agent.update("seen")
    await settle()
    await two.answer(f"{SESSION}/q1", {"outcome": {"outcome": "cancelled"}})
    await one.leave()
    agent.ask("3", PERMISSION)
    await settle()
    again = await world.client(again=one).come_again(one)

    assert sorted(str(question["id"]) for question in again.questions()) == [f"{SESSION}/q2", f"{SESSION}/q3"]
    assert len(two.questions()) == 3


async def test_it_is_asked_once_what_nobody_was_there_to_be_asked(world: World, agent: FakeAgent):
    one = await world.opened_client()
    await one.leave()
    agent.ask("1", READ, path="/x")
    await settle()
    again = await world.client(again=one).come_again(one)
    later = await world.client().attach()

    assert [question["method"] for question in again.questions()] == [READ]
    assert later.questions() == []


async def test_it_is_asked_what_a_client_was_asked_that_has_left(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    await two.prompt("2")
    await one.leave()
    agent.ask("1", READ, path="/x")
    await settle()
    await two.leave()
    again = await world.client(again=one).come_again(one)

    assert [question["method"] for question in again.questions()] == [READ]
    await again.answer(again.questions()[0]["id"], {"content": "x"})
    assert agent.answers()[-1]["result"] == {"content": "x"}


async def test_what_it_was_asked_alone_is_still_its_to_answer(world: World, agent: FakeAgent):
    one = await world.opened_client()
    await one.prompt("2")
    agent.ask("1", READ, path="/x")
    await settle()
    await one.leave()
    again = await world.client(again=one).come_again(one)
    assert again.questions() == one.questions(), "its answer may have been lost on the way"
    await again.answer(one.questions()[0]["id"], {"content": "x"})

    assert [answer["result"] for answer in agent.answers()] == [{"content": "x"}]


async def test_it_is_told_what_was_decided_meanwhile(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    agent.ask("1", PERMISSION)
    await settle()
    agent.update("seen")
    await settle()
    await one.leave()
    await two.answer(two.questions()[0]["id"], {"outcome": {"outcome": "cancelled"}})
    again = await world.client(again=one).come_again(one)

    assert [told["requestId"] for told in again.told("$/cancel_request")] == [f"{SESSION}/q1"]
