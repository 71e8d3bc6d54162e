"""Views that ask for it are told of turns: when each begins and ends, whoever asked for it."""

import json

from fake_agent import FakeAgent, Json
from session_world import SESSION, Client, World, settle

from actors.connection.roles import wants_turns
from actors.connection.turn_notices import METHOD
from actors.protocol.envelope import parse

DONE = {"stopReason": "end_turn"}
ALLOW = {"outcome": {"outcome": "selected", "optionId": "yes"}}


async def witness(world: World, *, observes: bool = True) -> Client:
    """A client that is told of turns, and has not been told anything yet."""
    client = world.observer() if observes else world.client()
    client.attachment.witness_of = SESSION
    await client.attach()
    client.forget()
    return client


def told(client: Client) -> list[tuple[object, object]]:
    return [(one["state"], one["turn"]) for one in client.told(METHOD)]


async def one_turn(client: Client, agent: FakeAgent, words: str = "hello") -> None:
    await client.prompt("7", words, "p1")
    agent.update("one")
    agent.answer("session/prompt", DONE)
    await settle()


async def test_a_turn_is_told_around_what_is_said_in_it(world: World, agent: FakeAgent):
    driver = await world.opened_client()
    watching = await witness(world)
    await one_turn(driver, agent)

    assert watching.story() == [METHOD, "hello", "one", METHOD]
    assert told(watching) == [("running", 1), ("ended", 1)]
    begun, ended = watching.told(METHOD)
    assert (begun["promptId"], begun["sessionId"]) == ("p1", SESSION)
    assert str(begun["at"]).endswith("Z")
    assert (ended["outcome"], ended["answer"]) == ("completed", {"result": DONE})
    assert "client" not in begun


async def test_who_did_not_ask_for_it_is_told_nothing(world: World, agent: FakeAgent):
    driver = await world.opened_client()
    observer = await world.observer().attach()
    await one_turn(driver, agent)

    assert told(observer) == told(driver) == []


async def test_who_comes_later_is_told_of_the_turns_that_were(world: World, agent: FakeAgent):
    driver = await world.opened_client()
    await one_turn(driver, agent)
    late = world.observer()
    late.attachment.witness_of = SESSION
    await late.attach()

    assert late.story() == [METHOD, "hello", "one", METHOD, "=1"]


async def test_it_is_shown_its_own_prompts_in_their_place(world: World, agent: FakeAgent):
    await world.opened_client()
    speaking = await witness(world, observes=False)
    await one_turn(speaking, agent, "mine")

    assert speaking.story() == [METHOD, "mine", "one", METHOD, "=7"]


async def test_it_is_told_of_its_own_decision_once_that_is_made(world: World, agent: FakeAgent):
    await world.opened_client()
    speaking = await witness(world, observes=False)
    agent.ask("7", "session/request_permission")
    await settle()
    [question] = speaking.questions()
    await speaking.answer(question["id"], ALLOW)

    [decision] = speaking.told("$/cancel_request")
    about: Json = json.loads(json.dumps(decision["_meta"]))["lumilink"]
    assert (decision["requestId"], about["state"], about["outcome"]) == (question["id"], "answered", ALLOW)


async def test_a_turn_counts_against_the_window_like_any_event(world: World, agent: FakeAgent):
    driver = await world.opened_client()
    watching = await witness(world)
    await one_turn(driver, agent)

    assert await watching.credit() == 4
    cursors = [one["_meta"]["lumilink"]["seq"] for one in watching.told(METHOD)]  # type: ignore[index]
    assert watching.channel.cursor == cursors[-1]


def test_a_request_says_that_it_wants_turns():
    def asks(meta: object) -> bool:
        params = {"sessionId": SESSION, "_meta": meta}
        message = {"jsonrpc": "2.0", "id": 1, "method": "session/load", "params": params}
        return wants_turns(parse(json.dumps(message).encode()))

    assert asks({"lumilink": {"turns": True}})
    assert not asks({"lumilink": {}})
    assert not asks({})
