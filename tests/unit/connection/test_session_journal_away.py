"""A journal that is away, behind, or in other hands: nothing is lost, doubled, or shown and not kept."""

import asyncio

import pytest
from session_world import BEGUN, SESSION, WORKSPACE, FakeAgent, World, settle
from slow_journal import SlowJournal

from actors import errors
from actors.connection.messages import Pressed
from actors.journal import GroupWriter, NewEntry, StreamAppend

DONE = {"stopReason": "end_turn"}


async def test_while_the_journal_is_away_events_wait_and_none_is_lost_doubled_or_reordered(
    world: World, agent: FakeAgent, journal: SlowJournal
):
    client = await world.opened_client()
    await client.prompt("2")
    journal.is_down = True
    for number in range(100):
        agent.update(str(number))
        await asyncio.sleep(0.1)
    agent.answer("session/prompt", DONE)
    await settle()
    assert client.messages() == []
    journal.is_down = False
    await asyncio.sleep(5.0)

    assert client.story() == [*(str(number) for number in range(100)), "=2"]
    assert [entry.seq for entry in await world.entries()] == list(range(1, len(await world.entries()) + 1))


@pytest.mark.parametrize("failures", [["before"], ["after"], ["after", "before", "after"] * 5], ids=repr)
async def test_a_commit_whose_answer_was_lost_is_shown_once(
    world: World, agent: FakeAgent, journal: SlowJournal, failures: list[str]
):
    client = await world.opened_client()
    journal.failures = list(failures)
    for number in range(30):
        agent.update(str(number))
        await asyncio.sleep(0.3)
    await asyncio.sleep(60.0)

    assert journal.failures == []
    assert client.story() == [str(number) for number in range(30)]
    assert await world.kinds() == [*BEGUN, *["update"] * 30]


async def test_a_journal_that_is_far_behind_refuses_prompts_and_keeps_what_happens(
    world: World, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
):
    client = await world.opened_client()
    with monkeypatch.context() as patch:
        patch.setattr(GroupWriter, "is_full", property(lambda _: True))
        await client.prompt("2")
        agent.update("still shown")
        await settle()
    assert client.code("2") == "journal-behind"
    assert client.story() == ["=2", "still shown"]
    await client.prompt("3")

    assert len(agent.requests("session/prompt")) == 1


async def test_an_agent_is_not_read_while_the_journal_cannot_keep_up(world: World, agent: FakeAgent):
    client = await world.opened_client()
    for number in range(1000):
        agent.update(str(number))
    assert not agent.reading, "its inbox is full"
    world.connection.tell(Pressed(True))
    await settle()
    assert not agent.reading, "that the inbox has room again changes nothing"
    world.connection.tell(Pressed(False))
    await settle()

    assert agent.reading
    while await client.credit():
        pass
    assert len(client.story()) == 1000


# ---------------------------------------------------------------------- a journal that refuses


async def test_a_session_that_another_worker_has_shows_nothing_more_and_says_that_it_moved(
    world: World, agent: FakeAgent, journal: SlowJournal
):
    lost: list[bool] = []
    world.lease.refused = lambda: lost.append(True)
    one = await world.opened_client()
    two = await world.client().attach()
    two.forget()
    await one.prompt("2")
    two.forget()
    await journal.grant_to_another()
    agent.update("too late")
    await settle()
    agent.update("even later")
    await settle()

    for client in (one, two):
        assert client.messages() == []
        assert isinstance(client.closed_by(), errors.SessionMovedError)
    assert lost == [True]
    assert world.is_stopped()
    assert world.given_back == [SESSION]
    assert agent.closed
    assert await world.kinds() == [*BEGUN, "turn-started", "prompt"]


async def test_a_prompt_that_is_refused_by_the_journal_never_reaches_the_agent(
    world: World, agent: FakeAgent, journal: SlowJournal
):
    client = await world.opened_client()
    await journal.grant_to_another()
    await client.prompt("2")

    assert agent.requests("session/prompt") == []
    assert client.messages() == []
    assert isinstance(client.closed_by(), errors.SessionMovedError)


async def test_a_session_that_is_refused_while_it_is_made_is_told_of_to_nobody(
    world: World, agent: FakeAgent, journal: SlowJournal
):
    await journal.grant_to_another()
    client = await world.client().open()

    assert client.messages() == []
    assert isinstance(client.closed_by(), errors.SessionMovedError)
    assert world.given_back == [SESSION]


async def test_a_stream_that_is_not_as_we_left_it_is_not_written_on(
    world: World, agent: FakeAgent, journal: SlowJournal
):
    client = await world.opened_client()
    stranger = [NewEntry("update", b"{}", 0)]
    await journal.append([StreamAppend(f"inst/{SESSION}", WORKSPACE, 1, len(BEGUN) + 1, stranger)])
    agent.update("lost")
    await settle()

    assert client.messages() == []
    assert isinstance(client.closed_by(), errors.SessionMovedError)


async def test_a_fork_whose_place_is_taken_in_the_journal_ends_with_its_connection(
    world: World, agent: FakeAgent
):
    agent.replies["initialize"] = {
        "protocolVersion": 1,
        "agentCapabilities": {"sessionCapabilities": {"fork": {}}},
    }
    agent.replies["session/fork"] = {"sessionId": "agent-2"}
    first = await world.opened_client()
    taken = StreamAppend("inst/ses_2", "inst/ws_2", 1, 1, [NewEntry("update", b"{}", 0)])
    await world.journal.append([taken])
    second = await world.client("ses_2").fork(SESSION)

    assert second.messages() == []
    assert isinstance(second.closed_by(), errors.SessionMovedError)
    assert isinstance(first.closed_by(), errors.SessionMovedError)
