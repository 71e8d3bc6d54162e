"""What happens is in the journal before anyone is told of it."""

from session_world import BEGUN, NOTHING_YET, SESSION, FakeAgent, World, settle
from slow_journal import SlowJournal

from actors import errors

DONE = {"stopReason": "end_turn"}
ALLOW = {"outcome": {"outcome": "selected", "optionId": "yes"}}
PERMISSION = "session/request_permission"


async def test_nothing_is_shown_before_it_is_committed(world: World, agent: FakeAgent, journal: SlowJournal):
    one = await world.opened_client()
    two = await world.client().attach()
    two.forget()
    journal.hold()
    await one.prompt("2", "hello")
    agent.update("one")
    agent.ask("7", PERMISSION)
    await settle()
    assert one.messages() == two.messages() == []
    journal.let_go()
    await settle()

    assert one.story() == ["one", f"?{PERMISSION}"]
    assert two.story() == ["hello", "one", f"?{PERMISSION}"]


async def test_a_session_is_told_of_once_the_journal_has_it(
    world: World, agent: FakeAgent, journal: SlowJournal
):
    journal.hold()
    client = await world.client().open()
    agent.update("early")
    await settle()
    assert client.messages() == []
    journal.let_go()
    await settle()

    assert client.story() == ["=1", "early"]
    assert (await world.scope.store.find("inst", SESSION)).record.agent_id == "agent-1"


async def test_a_prompt_reaches_the_agent_once_its_turn_is_committed(
    world: World, agent: FakeAgent, journal: SlowJournal
):
    client = await world.opened_client()
    journal.hold()
    await client.prompt("2")
    assert agent.requests("session/prompt") == []
    journal.let_go()
    await settle()

    assert len(agent.requests("session/prompt")) == 1
    assert await world.kinds() == [*BEGUN, "turn-started", "prompt"]


async def test_a_prompt_is_answered_once_its_outcome_is_committed(
    world: World, agent: FakeAgent, journal: SlowJournal
):
    client = await world.opened_client()
    await client.prompt("2")
    journal.hold()
    agent.answer("session/prompt", DONE)
    await settle()
    assert client.messages() == []
    journal.let_go()
    await settle()

    assert client.reply("2")["result"] == DONE


async def test_the_agent_hears_a_decision_once_it_is_committed(
    world: World, agent: FakeAgent, journal: SlowJournal
):
    client = await world.opened_client()
    agent.ask("7", PERMISSION)
    await settle()
    journal.hold()
    await client.answer(client.questions()[0]["id"], ALLOW)
    assert agent.answers() == []
    journal.let_go()
    await settle()

    assert [answer["result"] for answer in agent.answers()] == [ALLOW]


async def test_a_session_is_said_to_be_closed_once_the_journal_knows(
    world: World, agent: FakeAgent, journal: SlowJournal
):
    client = await world.opened_client()
    journal.hold()
    await client.request("2", "session/close")
    assert client.messages() == []
    assert client.closed_by() is None
    journal.let_go()
    await settle()

    assert client.reply("2")["result"] == {}
    assert isinstance(client.closed_by(), errors.SessionClosedError)


async def test_a_prompt_cancelled_before_its_turn_is_committed_never_reaches_the_agent(
    world: World, agent: FakeAgent, journal: SlowJournal
):
    client = await world.opened_client()
    journal.hold()
    await client.prompt("2")
    await client.cancel()
    journal.let_go()
    await settle()

    assert client.reply("2")["result"] == {"stopReason": "cancelled"}
    assert agent.requests("session/prompt") == []
    assert await world.kinds() == [*BEGUN, "turn-started", "prompt", "turn-ended"]


async def test_a_question_to_be_committed_is_asked_of_a_client_that_comes_meanwhile_once(
    world: World, agent: FakeAgent, journal: SlowJournal
):
    await (await world.opened_client()).leave()
    journal.hold()
    agent.ask("7", PERMISSION)
    agent.ask("8", "fs/read_text_file", path="/x")
    await settle()
    one = await world.client().attach()
    two = await world.client().attach()
    journal.let_go()
    await settle()

    assert [question["method"] for question in (one.questions() + two.questions())].count(PERMISSION) == 2
    files = [question for question in (one.questions() + two.questions()) if question["method"] != PERMISSION]
    assert len(files) == 1, "one client is asked, and once"


async def test_a_late_answer_of_the_agent_to_a_forwarded_request_comes_after_what_it_said_before(
    world: World, agent: FakeAgent, journal: SlowJournal
):
    agent.replies["session/set_mode"] = NOTHING_YET
    client = await world.opened_client()
    await client.request("5", "session/set_mode", modeId="x")
    journal.hold()
    agent.update("said before")
    agent.answer("session/set_mode", {})
    await settle()
    assert client.messages() == []
    journal.let_go()
    await settle()

    assert client.story() == ["said before", "=5"]
