"""A session that goes on in another process, from what the journal has of it."""

import json
from collections.abc import AsyncIterator
from typing import cast

import pytest
from session_world import SESSION, Client, FakeAgent, Json, World, settle

from actors import errors
from actors.connection import port
from actors.connection.messages import AttachMode

DONE = {"stopReason": "end_turn"}
ALLOW = {"outcome": {"outcome": "selected", "optionId": "yes"}}
PERMISSION = "session/request_permission"
READ = "fs/read_text_file"
LOADS = {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}}


class Successor:
    """The worker that comes after, with the agent that it dials."""

    def __init__(self, before: World, patch: pytest.MonkeyPatch) -> None:
        self.agent = FakeAgent()
        self.agent.replies["initialize"] = LOADS
        self.agent.replies["session/load"] = {}
        self.world = World(self.agent, before=before)
        self._patch = patch

    async def take_up(self) -> World:
        """From now on nobody dials the old agent, and what the worker of before writes is refused."""
        self._patch.setattr(port, "dial", self.agent.dial)
        return await self.world.take_up()


@pytest.fixture
async def next_life(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Successor]:
    successor = Successor(world, monkeypatch)
    yield successor
    await successor.world.end()


def about(client: Client, id_text: str = "1") -> dict[str, object]:
    """``_meta.lumilink`` of the answer to a load."""
    result = cast("dict[str, dict[str, dict[str, object]]]", client.reply(id_text)["result"])
    return result["_meta"]["lumilink"]


async def test_load_shows_the_whole_conversation(world: World, agent: FakeAgent, next_life: Successor):
    one = await world.opened_client()
    await one.prompt("2", "hello")
    agent.update("one")
    agent.update("two")
    agent.answer("session/prompt", DONE)
    await settle()
    there = await next_life.take_up()
    two = await there.client().attach()

    assert two.story() == ["hello", "one", "two", "=1"]
    result = cast("dict[str, object]", two.reply("1")["result"])
    assert result["modes"] == {"currentModeId": "code"}
    entries = await there.entries()
    assert about(two)["firstSeq"] == 1
    assert [entry.kind for entry in entries][-1] == "activated"
    assert json.loads(entries[-1].payload.partition(b"\n")[2]) == {"worker": "life-2", "fence": 2}
    assert there.opened.keys() == {SESSION}
    assert next_life.agent.dials == 0, "the agent is brought back when it is needed"


async def test_a_session_that_was_trimmed_says_where_it_begins(
    world: World, agent: FakeAgent, next_life: Successor
):
    await world.opened_client()
    for number in range(10):
        agent.update(str(number))
    await settle()
    first = await world.journal.trim(f"inst/{SESSION}", keep_count=4)
    there = await next_life.take_up()
    two = await there.client().attach()
    three = await there.client().attach(AttachMode.CURSOR, after=first - 2)
    four = await there.client().attach(AttachMode.CURSOR, after=first - 1)

    assert two.story() == three.story() == four.story() == ["6", "7", "8", "9", "=1"]
    assert (about(two)["firstSeq"], about(two)["reset"]) == (first, True)
    for client, reset in ((three, True), (four, False)):
        assert cast("dict[str, object]", client.reply("1")["result"])["reset"] is reset


async def test_an_open_turn_ends_as_interrupted_once(world: World, agent: FakeAgent, next_life: Successor):
    one = await world.opened_client()
    await one.prompt("2", "hello", prompt_id="p-1")
    agent.update("half a sent")
    await settle()
    there = await next_life.take_up()
    await settle()

    entries = await there.entries()
    (end,) = [entry for entry in entries if entry.kind == "turn-ended"]
    note = json.loads(end.payload.partition(b"\n")[2])
    assert (note["turn"], note["outcome"]) == (1, "interrupted")
    assert note["answer"]["error"]["data"]["code"] == "turn-interrupted"
    assert (await there.scope.store.find("inst", SESSION)).record.turn is None
    again = await there.client().attach()
    await again.prompt("2", "hello", prompt_id="p-1")
    assert again.code("2") == "turn-interrupted"
    assert next_life.agent.requests("session/prompt") == [], "it is the same prompt"


async def test_that_an_agent_has_more_to_tell_outlives_workers_that_never_asked_it(
    world: World, agent: FakeAgent, next_life: Successor
):
    one = await world.opened_client()
    await one.prompt("2", "hello")
    agent.update("half a sent")
    await settle()
    there = await next_life.take_up()
    await settle()
    assert (await there.scope.store.find("inst", SESSION)).record.cut_off

    again = await there.client().attach()
    await again.prompt("2", "and now?")
    assert len(next_life.agent.requests("session/load")) == 1
    assert not (await there.scope.store.find("inst", SESSION)).record.cut_off


@pytest.mark.parametrize("outcome", [DONE, {"stopReason": "refusal", "_meta": {"x": 1.50}}], ids=repr)
async def test_a_prompt_that_ran_before_is_answered_with_its_first_outcome_and_not_run_again(
    world: World, agent: FakeAgent, next_life: Successor, outcome: object
):
    one = await world.opened_client()
    await one.prompt("2", prompt_id="p-1")
    agent.answer("session/prompt", outcome)
    await settle()
    there = await next_life.take_up()
    again = await there.client().attach()
    await again.prompt("9", prompt_id="p-1")

    assert again.reply("9")["result"] == outcome
    assert next_life.agent.dials == 0


async def test_the_error_of_an_agent_is_an_outcome_too(world: World, agent: FakeAgent, next_life: Successor):
    one = await world.opened_client()
    await one.prompt("2", prompt_id="p-1")
    error = {"code": -32099, "message": "no credit", "data": [1]}
    agent.say({"jsonrpc": "2.0", "id": agent.requests("session/prompt")[0]["id"], "error": error})
    await settle()
    there = await next_life.take_up()
    again = await there.client().attach()
    await again.prompt("9", prompt_id="p-1")

    assert again.reply("9")["error"] == error


async def test_turns_and_questions_are_numbered_on(world: World, agent: FakeAgent, next_life: Successor):
    one = await world.opened_client()
    await one.prompt("2")
    agent.ask("7", PERMISSION)
    await settle()
    there = await next_life.take_up()
    two = await there.client().attach()
    await two.prompt("3")
    next_life.agent.ask("7", PERMISSION)
    await settle()

    turns = [
        json.loads(e.payload.partition(b"\n")[2])["turn"] for e in await there.entries() if "turn" in e.kind
    ]
    assert turns == [1, 1, 2]
    assert two.questions()[0]["id"] != one.questions()[0]["id"]


async def test_open_questions_are_void_and_whom_they_were_asked_of_is_told(
    world: World, agent: FakeAgent, next_life: Successor
):
    one = await world.opened_client()
    agent.ask("7", PERMISSION)
    agent.ask("8", READ, path="/x")
    await settle()
    asked = [question["id"] for question in one.questions()]
    there = await next_life.take_up()
    again = await there.client(again=one).come_again(one)
    other = await there.client().attach()

    void = {"lumilink": {"state": "void"}}
    assert again.told("$/cancel_request") == [{"requestId": one_id, "_meta": void} for one_id in asked]
    assert again.questions() == other.questions() == []
    await other.answer(asked[0], ALLOW)
    assert [notice["code"] for notice in other.told("_lumilink/notice")] == ["question-unknown"]


async def test_a_view_that_comes_again_sees_exactly_what_came_after_its_cursor(
    world: World, agent: FakeAgent, next_life: Successor
):
    one = await world.opened_client()
    await one.prompt("7", "hello")
    agent.update("seen")
    await settle()
    agent.ask('"q"', PERMISSION)
    await settle()
    one.channel.congested = True
    agent.update("missed")
    agent.ask('"r"', PERMISSION)
    await settle()
    there = await next_life.take_up()
    again = await there.client(again=one).come_again(one, b"7")
    await settle()

    story = [word for word in again.story() if word != "=0"]
    assert story[:2] == ["missed", f"?{PERMISSION}"]
    assert sorted(story[2:]) == ["$/cancel_request", "$/cancel_request", "=7"]
    assert again.code("7") == "turn-interrupted"


async def test_each_pending_prompt_is_answered_once(world: World, agent: FakeAgent, next_life: Successor):
    one = await world.opened_client()
    for id_text in ("5", "6", "7"):
        await one.prompt(id_text, f"prompt {id_text}")
    one.channel.congested = True
    agent.answer("session/prompt", DONE)
    await settle()
    there = await next_life.take_up()
    again = await there.client(again=one).come_again(one, b"5", b"6", b"7", b"8")
    await settle()

    assert again.reply("5")["result"] == DONE, "it ended, but the client was not told"
    assert again.code("6") == "turn-interrupted", "it ran"
    for id_text in ("7", "8"):
        error = cast("dict[str, dict[str, object]]", again.reply(id_text)["error"])
        assert error["data"]["code"] == "link-broken", "it waited, or never came: a repeat would run"
        assert error["data"]["retryable"] is True
    assert next_life.agent.requests("session/prompt") == []


async def test_what_was_closed_is_not_taken_up(world: World, agent: FakeAgent):
    one = await world.opened_client()
    await one.request("2", "session/close")

    with pytest.raises(errors.SessionNotFoundError):
        await World(agent, before=world).take_up()


@pytest.mark.parametrize(
    ("tenant", "session"), [("inst", "ses_9"), ("another", SESSION), ("", f"inst/{SESSION}")]
)
async def test_what_is_not_there_is_not_found(world: World, agent: FakeAgent, tenant: str, session: str):
    await world.opened_client()

    with pytest.raises(errors.SessionNotFoundError):
        await world.scope.store.find(tenant, session)


# ---------------------------------------------------------------------- secrets

SERVER: Json = {
    "name": "files",
    "command": "/bin/mcp",
    "args": ["--token", "s3cret-argument"],
    "env": [{"name": "TOKEN", "value": "s3cret-value"}],
}


async def test_secrets_of_mcp_servers_are_not_readable_in_the_journal_and_reach_the_agent_again(
    world: World, agent: FakeAgent, next_life: Successor
):
    one = await world.client().open(servers=(SERVER,))
    assert agent.requests("session/new")[0]["params"] == {"cwd": "/w", "mcpServers": [SERVER]}
    await one.prompt("2")
    agent.answer("session/prompt", DONE)
    await settle()
    head = await world.journal.head(f"inst/{SESSION}")
    assert head is not None
    kept = b"".join([head.meta or b"", *(entry.payload for entry in await world.entries())])
    assert b"s3cret" not in kept
    there = await next_life.take_up()
    again = await there.client(again=one).come_again(one)
    await again.prompt("3")

    loaded = next_life.agent.requests("session/load")[0]["params"]
    assert loaded == {"sessionId": "agent-1", "cwd": "/w", "mcpServers": [SERVER]}
    assert len(next_life.agent.requests("session/prompt")) == 1


async def test_a_client_that_loads_a_session_says_its_servers_anew(
    world: World, agent: FakeAgent, next_life: Successor
):
    await world.client().open(servers=(SERVER,))
    there = await next_life.take_up()
    other = {**SERVER, "name": "other"}
    two = await there.client().attach(mcpServers=[other], additionalDirectories=["/more"])
    await two.prompt("3")

    loaded = next_life.agent.requests("session/load")[0]["params"]
    assert loaded == {
        "sessionId": "agent-1",
        "cwd": "/w",
        "mcpServers": [other],
        "additionalDirectories": ["/more"],
    }
    head = await there.journal.head(f"inst/{SESSION}")
    assert head is not None
    assert b"s3cret" not in (head.meta or b"")
