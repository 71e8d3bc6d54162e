"""Clients that come and go: load, resume, attach by cursor, close, and the time after the last one left."""

from typing import cast

import pytest
from session_world import BEGUN, SESSION, Client, FakeAgent, World, settle

from actors import errors
from actors.connection.attachment import MAX_PRIVATE, WINDOW_FRAMES
from actors.connection.messages import AttachMode, DescribeSessions, SessionSummary


def about(client: Client, id_text: str = "1") -> dict[str, object]:
    """``_meta.lumilink`` of the answer to an attach."""
    result = cast("dict[str, object]", client.reply(id_text)["result"])
    if "_meta" not in result:
        return result
    return cast("dict[str, dict[str, object]]", result["_meta"])["lumilink"]


async def conversation(world: World, agent: FakeAgent) -> Client:
    client = await world.opened_client()
    await client.prompt("2", "hello")
    agent.update("one")
    agent.update("two")
    agent.answer("session/prompt", {"stopReason": "end_turn"})
    await settle()
    return client


async def seq_of(world: World, words: str) -> int:
    """Where in the session's stream something was said."""
    return next(entry.seq for entry in await world.entries() if words.encode() in entry.payload)


async def test_load_replays_the_conversation_and_then_answers(world: World, agent: FakeAgent):
    await conversation(world, agent)
    heard = len(agent.heard)
    two = await world.client().attach()

    assert two.story() == ["hello", "one", "two", "=1"]
    result = cast("dict[str, object]", two.reply("1")["result"])
    assert result["modes"] == {"currentModeId": "code"}
    assert "sessionId" not in result
    last = (await world.entries())[-1].seq
    told = about(two)
    assert {name: told[name] for name in ("seq", "firstSeq", "reset", "workspaceId")} == {
        "seq": last,
        "firstSeq": 1,
        "reset": False,
        "workspaceId": "ws_1",
    }
    assert len(agent.heard) == heard, "the agent is not bothered"


async def test_a_client_that_loads_its_session_anew_is_shown_what_it_said_itself(
    world: World, agent: FakeAgent
):
    one = await conversation(world, agent)
    anew = await world.client(again=one).attach()
    await anew.prompt("3", "something new")
    agent.update("three")
    await settle()

    assert anew.story() == ["hello", "one", "two", "=1", "three"]


async def test_resume_replays_nothing(world: World, agent: FakeAgent):
    await conversation(world, agent)
    two = await world.client().attach(AttachMode.RESUME)
    agent.update("three")
    await settle()

    assert two.story() == ["=1", "three"]


async def test_a_cursor_gets_exactly_what_came_after_it(world: World, agent: FakeAgent):
    await conversation(world, agent)
    two = await world.client().attach(AttachMode.CURSOR, after=await seq_of(world, '"one"'))
    last = (await world.entries())[-1].seq
    agent.update("three")
    await settle()

    assert two.story() == ["two", "=1", "three"]
    assert about(two)["seq"] == last


@pytest.mark.parametrize("beyond", [-1, 1, 2**70])
async def test_a_cursor_that_cannot_be_is_refused(world: World, agent: FakeAgent, beyond: int):
    await conversation(world, agent)
    last = (await world.entries())[-1].seq
    two = await world.client().attach(AttachMode.CURSOR, after=-1 if beyond < 0 else last + beyond)

    assert isinstance(two.closed_by(), errors.InvalidParamsError)
    assert two.messages() == []


@pytest.mark.parametrize("mode", [AttachMode.LOAD, AttachMode.CURSOR])
async def test_a_client_is_shown_what_memory_has_let_go_of_too(
    world: World, agent: FakeAgent, mode: AttachMode
):
    world.history_bytes = 1000
    await world.opened_client()
    for number in range(50):
        agent.update(f"{number}")
    await settle()
    two = await world.client().attach(mode)

    assert (about(two)["firstSeq"], about(two)["reset"]) == (1, False)
    assert two.story() == [*(str(number) for number in range(50)), "=1"]


async def test_what_happens_while_a_client_reads_the_past_comes_after_it(world: World, agent: FakeAgent):
    world.history_bytes = 1000
    await world.opened_client()
    total = 3 * WINDOW_FRAMES
    for number in range(WINDOW_FRAMES * 2):
        agent.update(str(number))
    await settle()
    two = await world.client().attach()
    for number in range(WINDOW_FRAMES * 2, total):
        agent.update(str(number))
        if number % 100 == 0:
            await two.credit()
    while await two.credit():
        pass

    assert [word for word in two.story() if word != "=1"] == [str(number) for number in range(total)]
    assert two.story().index("=1") >= WINDOW_FRAMES * 2, "the answer comes after all that was there"


async def test_everyone_sees_the_same_in_the_same_order(world: World, agent: FakeAgent):
    one = await world.opened_client()
    others = [await world.client().attach() for _ in range(3)]
    for number in range(20):
        agent.update(str(number))
    await settle()

    for client in (one, *others):
        assert [word for word in client.story() if word != "=1"] == [str(number) for number in range(20)]


async def test_a_client_that_is_slow_holds_up_nobody(world: World, agent: FakeAgent):
    slow = await world.opened_client()
    quick = await world.client().attach()
    total = 3 * WINDOW_FRAMES
    for number in range(total):
        agent.update(str(number))
        if number % 100 == 0:
            await settle()
            await quick.credit()
    await settle()
    while await quick.credit():
        pass
    assert len(quick.story()) == total + 1
    assert len(slow.story()) == WINDOW_FRAMES
    while await slow.credit():
        pass

    assert slow.story() == [str(number) for number in range(total)]


async def test_a_client_that_does_not_read_costs_no_memory_and_loses_nothing(world: World, agent: FakeAgent):
    world.history_bytes = 2000
    stalled = await world.opened_client()
    quick = await world.client().attach()
    total = 4 * WINDOW_FRAMES
    for number in range(total):
        agent.update(str(number))
        if number % 100 == 0:
            await quick.credit()
    while await quick.credit():
        pass
    assert len(stalled.story()) == WINDOW_FRAMES
    assert stalled.attachment.position == len(BEGUN) + WINDOW_FRAMES
    while await stalled.credit():
        pass

    assert stalled.story() == [str(number) for number in range(total)]
    assert stalled.closed_by() is None
    assert not stalled.attachment.is_lagging


async def test_a_client_that_asks_without_reading_ends_alone(world: World, agent: FakeAgent):
    greedy = await world.opened_client()
    other = await world.client().attach()
    for number in range(WINDOW_FRAMES + MAX_PRIVATE + 1):
        await greedy.send({"jsonrpc": "2.0", "id": number, "method": "session/prompt", "params": {}})

    assert isinstance(greedy.closed_by(), errors.SlowConsumerError)
    assert (await _summary(world)).attachments == 1
    assert other.closed_by() is None


async def test_a_client_reads_on_from_the_journal_what_memory_does_not_have_any_more(
    world: World, agent: FakeAgent
):
    world.history_bytes = 2000
    slow = await world.opened_client()
    large = ["x" * 300_000, "y" * 300_000, "z" * 300_000]
    for words in large:
        agent.update(words)
    await settle()
    assert slow.story() == large[:1]
    while await slow.credit():
        pass

    assert slow.story() == large
    later = await world.client().attach()
    while await later.credit():
        pass
    assert later.story() == [*large, "=1"]


async def test_a_client_that_leaves_while_it_reads_the_past_is_shown_nothing_more(
    world: World, agent: FakeAgent
):
    world.history_bytes = 2000
    slow = await world.opened_client()
    for words in ("x" * 300_000, "y" * 300_000, "z"):
        agent.update(words)
    await settle()
    slow.attachment.grant(10, 10**6)
    await slow.leave()

    assert slow.story() == ["x" * 300_000]
    assert slow.closed_by() is None


async def test_a_journal_that_is_away_while_a_client_reads_the_past_ends_that_view(
    world: World, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
):
    async def fail(*_: object) -> None:
        raise errors.JournalUnavailableError("away")

    world.history_bytes = 1000
    one = await world.opened_client()
    for number in range(50):
        agent.update(str(number))
    await settle()
    monkeypatch.setattr(world.journal, "read", fail)
    two = await world.client().attach()

    assert isinstance(two.closed_by(), errors.JournalUnavailableError)
    assert one.closed_by() is None
    assert (await _summary(world)).attachments == 1


async def test_a_view_of_a_session_that_is_not_there_is_refused(world: World, agent: FakeAgent):
    await world.opened_client()
    lost = await world.client("ses_9").attach()

    assert isinstance(lost.closed_by(), errors.SessionNotFoundError)


async def test_a_client_that_left_before_it_was_attached_is_no_viewer(world: World, agent: FakeAgent):
    await world.opened_client()
    two = world.client()
    two.attachment.leave()
    await two.attach()

    assert two.channel.frames == []
    assert (await _summary(world)).attachments == 1


async def test_a_session_describes_itself(world: World, agent: FakeAgent):
    client = await world.opened_client()
    info = {"sessionUpdate": "session_info_update", "title": "A title"}
    agent.say(
        {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "agent-1", "update": info}}
    )
    del info["title"]
    agent.say(
        {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "agent-1", "update": info}}
    )
    await client.prompt("2")
    running = await _summary(world)
    agent.ask("7", "session/request_permission")
    await settle()
    waiting = await _summary(world)

    assert (running.session_id, running.installation, running.workspace_id) == (SESSION, "inst", "ws_1")
    assert (running.cwd, running.title, running.attachments) == ("/w", "A title", 1)
    assert (running.turn, waiting.turn) == ("running", "waiting")


async def _summary(world: World) -> SessionSummary:
    summaries = await world.connection.ask(DescribeSessions(), 1.0)
    assert isinstance(summaries, list)
    assert len(summaries) == 1
    return cast("SessionSummary", summaries[0])
