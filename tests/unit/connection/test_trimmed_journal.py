"""A journal that is trimmed while its session is loaded: nobody is shown a gap without being told."""

import random
from typing import cast

import pytest
from fake_agent import FakeAgent
from session_world import SESSION, Client, Json, World, settle

from actors.connection.attachment import WINDOW_FRAMES
from actors.connection.messages import AttachMode

STREAM = f"inst/{SESSION}"
PERMISSION = "session/request_permission"
RESET = "_lumilink/session/attached"
UPDATES = 50


def about(client: Client) -> Json:
    """What the answer to an attach tells of the session."""
    result = cast("Json", client.reply("1")["result"])
    meta = cast("dict[str, Json]", result.get("_meta", {}))
    return meta.get("lumilink", result)


@pytest.fixture
async def talked(world: World, agent: FakeAgent) -> Client:
    """A client that keeps up, in a session whose memory holds a few events of many."""
    world.history_bytes = 1000
    client = await world.opened_client()
    await say(agent, range(UPDATES))
    await client.credit()
    return client


async def say(agent: FakeAgent, numbers: range) -> None:
    for number in numbers:
        agent.update(str(number))
    await settle()


async def trim(world: World, keep: int) -> int:
    """The oldest event that is left."""
    return await world.journal.trim(STREAM, keep_count=keep)


def kept(keep: int) -> list[str]:
    return [str(number) for number in range(UPDATES - keep, UPDATES)]


async def test_a_load_says_that_the_conversation_begins_later(world: World, talked: Client):
    first = await trim(world, 30)
    two = await world.client().attach()

    assert two.story() == [*kept(30), "=1"]
    assert (about(two)["firstSeq"], about(two)["reset"]) == (first, True)


@pytest.mark.parametrize(("before", "reset"), [(1, False), (2, True), (10, True)])
async def test_a_cursor_of_before_what_is_kept_is_reset(
    world: World, talked: Client, before: int, reset: bool
):
    first = await trim(world, 30)
    two = await world.client().attach(AttachMode.CURSOR, after=first - before)

    assert two.story() == [*kept(30), "=1"]
    assert (about(two)["firstSeq"], about(two)["reset"]) == (first, reset)


async def test_what_memory_still_has_is_not_gone(world: World, agent: FakeAgent):
    await world.opened_client()
    await say(agent, range(UPDATES))
    await trim(world, 3)
    two = await world.client().attach()

    assert two.story() == [*kept(UPDATES), "=1"]
    assert (about(two)["firstSeq"], about(two)["reset"]) == (1, False)


async def test_memory_is_shown_from_where_it_begins_if_the_journal_begins_later(world: World, talked: Client):
    await trim(world, 1)
    two = await world.client().attach()

    *shown, answer = two.story()
    assert answer == "=1"
    assert 1 < len(shown) < UPDATES
    assert shown == kept(len(shown))
    assert about(two)["reset"] is True


async def test_a_view_that_comes_again_is_told_before_it_is_shown_what_is_kept(world: World, talked: Client):
    lost = await world.client().attach(AttachMode.RESUME)
    lost.channel.cursor = 5
    first = await trim(world, 30)
    again = await world.client(again=lost).come_again(lost)

    assert again.story() == [RESET, *kept(30), "=0"]
    assert again.told(RESET) == [{"sessionId": SESSION, "reset": True, "firstSeq": first}]


async def test_a_view_that_comes_again_to_all_that_it_misses_is_told_of_no_reset(
    world: World, talked: Client
):
    lost = await world.client().attach(AttachMode.RESUME)
    lost.channel.cursor = await trim(world, 30) - 1
    again = await world.client(again=lost).come_again(lost)

    assert again.story() == [*kept(30), "=0"]


async def test_a_view_that_lags_behind_what_is_kept_is_told_and_goes_on(world: World, agent: FakeAgent):
    world.history_bytes = 1000
    slow = await world.opened_client()
    total = WINDOW_FRAMES + 200
    await say(agent, range(total))
    shown = slow.story()
    assert shown == [str(number) for number in range(WINDOW_FRAMES)]
    first = await trim(world, 100)
    slow.forget()
    slow.attachment.grant(WINDOW_FRAMES, 1 << 20)
    await slow.credit()
    await say(agent, range(total, total + 1))

    assert slow.story() == [RESET, *(str(number) for number in range(total - 100, total + 1))]
    assert slow.told(RESET) == [{"sessionId": SESSION, "reset": True, "firstSeq": first}]
    assert slow.closed_by() is None


async def test_an_answer_that_waits_for_a_later_event_does_not_hold_up_the_reset(
    world: World, agent: FakeAgent
):
    world.history_bytes = 1000
    slow = await world.opened_client()
    agent.replies["session/set_mode"] = {}
    await say(agent, range(WINDOW_FRAMES + 200))
    await slow.request("5", "session/set_mode", modeId="x")
    await trim(world, 100)
    slow.forget()
    slow.attachment.grant(WINDOW_FRAMES, 1 << 20)
    await slow.credit()

    assert slow.story()[0] == RESET
    assert slow.story()[-1] == "=5"


async def test_an_open_question_whose_event_is_gone_is_asked_again(world: World, agent: FakeAgent):
    world.history_bytes = 1000
    slow = await world.opened_client()
    await say(agent, range(WINDOW_FRAMES))
    agent.ask("7", PERMISSION)
    await say(agent, range(200))
    assert slow.questions() == []
    await trim(world, 100)
    slow.attachment.grant(WINDOW_FRAMES, 1 << 20)
    await slow.credit()

    assert [question["method"] for question in slow.questions()] == [PERMISSION]


async def test_a_client_that_prompts_before_its_load_is_answered_gets_both_answers_once(
    world: World, talked: Client, agent: FakeAgent
):
    await trim(world, 30)
    two = world.client()
    two.begin_attach()
    await two.prompt("2", "quick")
    agent.answer("session/prompt", {"stopReason": "end_turn"})
    await settle()

    assert two.reply("2")["result"] == {"stopReason": "end_turn"}
    assert about(two)["reset"] is True
    assert "quick" not in two.story(), "it knows what it said itself"


async def test_a_client_that_leaves_before_the_journal_answers_is_shown_nothing(world: World, talked: Client):
    two = world.client()
    two.begin_attach()
    await two.leave()

    assert two.channel.frames == []


async def test_an_agent_is_brought_back_to_a_conversation_whose_beginning_is_gone(
    world: World, loading: FakeAgent
):
    client = await world.opened_client()
    await say(loading, range(5))
    await trim(world, 2)
    loading.die()
    await settle()
    await client.prompt("2")

    assert len(loading.requests("session/load")) == 1
    assert len(loading.requests("session/prompt")) == 1


def parts(client: Client) -> list[tuple[int, list[int]]]:
    """What a client was shown, cut at each reset: the first seq that was told, and the seqs that followed."""
    found: list[tuple[int, list[int]]] = [(0, [])]
    for message in client.messages():
        params = cast("Json", message.get("params", {}))
        if message.get("method") == RESET:
            found.append((cast("int", params["firstSeq"]), []))
        elif message.get("method") == "session/update":
            found[-1][1].append(cast("dict[str, dict[str, int]]", params["_meta"])["lumilink"]["seq"])
    return found


@pytest.mark.parametrize("seed", range(20))
async def test_no_view_has_a_gap_that_it_was_not_told_of(world: World, agent: FakeAgent, seed: int):
    chance = random.Random(seed)
    world.history_bytes = chance.choice((500, 5_000, 50_000))
    views = [await world.opened_client()]
    for number in range(150):
        match chance.randrange(6):
            case 0 | 1:
                for _ in range(chance.randrange(200)):
                    agent.update("x" * chance.choice((1, 1, 1, 4_000)))
            case 2:
                await chance.choice(views).credit()
            case 3 if number % 3 == 0:
                await trim(world, chance.randrange(400))
            case 4 if len(views) < 5:
                views.append(world.client())
                views[-1].begin_attach(id_text='"load"')
            case _:
                await settle()
    for view in views:
        while await view.credit():
            pass

    last = (await world.entries() or [None])[-1]
    for view in views:
        assert view.closed_by() is None
        for told, shown in parts(view):
            begins = told or next(iter(shown), 0)
            assert shown == list(range(begins, begins + len(shown)))
        assert last is None or parts(view)[-1][1][-1] == last.seq
