"""From ``session/new`` or ``session/fork`` to a session, or to a client that knows why there is none."""

import asyncio
import json
from typing import cast

import pytest
from session_world import NOTHING_YET, SESSION, FakeAgent, World, settle

from actors import errors
from actors.connection import opening


async def test_a_session_is_opened_under_our_id(world: World, agent: FakeAgent):
    client = await world.client().open()
    result = cast("dict[str, object]", client.reply("1")["result"])

    assert result["sessionId"] == SESSION
    assert result["modes"] == {"currentModeId": "code"}
    ours = cast("dict[str, dict[str, str]]", result["_meta"])["lumilink"]
    assert ours.pop("connectionId").startswith("conn_")
    assert ours == {
        "workspaceId": "ws_1",
        "protocol": "acp",
        "protocolVersion": "1.0.0",
        "containerId": "ws-127-0-0-1-1-acp-6348cedc",
    }
    assert list(world.opened) == [SESSION]
    assert [message["method"] for message in agent.heard] == ["initialize", "session/new"]


async def test_the_agent_hears_what_the_client_can_do(world: World, agent: FakeAgent):
    await world.client().open()

    params = cast("dict[str, object]", agent.heard[0]["params"])
    assert params["clientCapabilities"] == {"fs": {"readTextFile": True}}


@pytest.mark.parametrize(
    "id_text", ["1", "1.0", '"a"', "null", "12345678901234567890", "-3", '"é\\n"', "1e3"]
)
async def test_the_answer_bears_the_requests_id_as_it_was_spelled(world: World, id_text: str):
    client = await world.client().open(id_text)

    kind, _, request_id, frame = client.channel.frames[0]
    assert (kind, request_id) == ("answer", id_text.encode())
    assert isinstance(frame, bytes)
    assert b'"id":' + id_text.encode() + b"," in frame


async def test_what_the_agent_says_early_comes_after_the_answer(world: World, agent: FakeAgent):
    agent.replies["session/new"] = NOTHING_YET
    client = await world.client().open()
    agent.update("one")
    agent.ask("7", "session/request_permission")
    agent.update("two")
    await settle()
    assert client.messages() == []
    agent.answer("session/new", {"sessionId": "agent-1"})
    await settle()

    assert client.story() == ["=1", "one", "?session/request_permission", "two"]


async def test_a_request_withdrawn_before_the_session_was_there_is_asked_and_withdrawn(
    world: World, agent: FakeAgent
):
    agent.replies["session/new"] = NOTHING_YET
    client = await world.client().open()
    agent.ask("7", "session/request_permission")
    agent.say({"jsonrpc": "2.0", "method": "$/cancel_request", "params": {"requestId": 7}})
    await settle()
    agent.answer("session/new", {"sessionId": "agent-1"})
    await settle()

    assert client.story() == ["=1", "?session/request_permission", "$/cancel_request"]


async def test_an_agent_that_says_too_much_too_early_gets_no_session_with_a_gap(
    world: World, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(opening, "MAX_EARLY", 10)
    agent.replies["session/new"] = NOTHING_YET
    client = await world.client().open()
    for number in range(11):
        agent.update(str(number))
    await settle()
    agent.answer("session/new", {"sessionId": "agent-1"})
    await settle()

    assert isinstance(client.closed_by(), errors.AgentProtocolError)
    assert world.given_back == [SESSION]


async def test_the_agents_refusal_passes_through_untouched(world: World, agent: FakeAgent):
    refusal = {"code": -32000, "message": "log in first", "data": {"authMethods": ["a"], "x": 1.50}}
    agent.replies["session/new"] = refusal
    client = await world.client().open('"seven"')

    assert client.reply('"seven"')["error"] == refusal
    assert isinstance(client.closed_by(), errors.SessionClosedError)


async def test_after_a_refusal_the_place_is_given_back_and_nothing_is_left(world: World, agent: FakeAgent):
    agent.replies["session/new"] = {"code": -32000, "message": "no"}
    await world.client().open()

    assert world.given_back == [SESSION]
    assert world.opened == {}
    assert world.is_stopped()
    assert agent.closed


async def test_a_client_that_leaves_meanwhile_leaves_no_session(world: World, agent: FakeAgent):
    agent.replies["session/new"] = NOTHING_YET
    client = await world.client().open()
    client.attachment.leave()
    agent.answer("session/new", {"sessionId": "agent-1"})
    await settle()

    assert client.channel.frames == []
    assert world.given_back == [SESSION]
    assert world.is_stopped()
    assert agent.closed


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"protocolVersion": 2}, errors.ProtocolMismatchError),
        ({"protocolVersion": [1]}, errors.AgentProtocolError),
        ({}, errors.AgentProtocolError),
        (None, errors.AgentProtocolError),
        ("hello", errors.AgentProtocolError),
        ({"code": -32603, "message": "no"}, errors.AgentProtocolError),
    ],
    ids=repr,
)
async def test_an_agent_that_cannot_shake_hands_is_told_of_as_such(
    world: World, agent: FakeAgent, answer: object, error: type[Exception]
):
    agent.replies["initialize"] = answer
    client = await world.client().open()

    assert isinstance(client.closed_by(), error)
    assert world.given_back == [SESSION]
    assert world.is_stopped()
    assert agent.closed


@pytest.mark.parametrize("answer", [{}, None, {"sessionId": 5}, [], "x"], ids=repr)
async def test_an_answer_without_a_session_id_opens_nothing(world: World, agent: FakeAgent, answer: object):
    agent.replies["session/new"] = answer
    client = await world.client().open()

    assert isinstance(client.closed_by(), errors.AgentProtocolError)
    assert world.given_back == [SESSION]


@pytest.mark.parametrize("silent", ["initialize", "session/new"])
async def test_an_agent_that_does_not_answer_is_given_up_in_time(world: World, agent: FakeAgent, silent: str):
    world.set(agent_start_timeout_s=60.0)
    agent.replies[silent] = NOTHING_YET
    client = await world.client().open()
    await asyncio.sleep(61.0)

    assert isinstance(client.closed_by(), errors.AgentTimeoutError)
    assert world.given_back == [SESSION]
    assert agent.closed


async def test_an_agent_that_cannot_be_dialled_is_told_of(world: World, agent: FakeAgent):
    def refuse() -> None:
        raise errors.AgentUnreachableError("nobody there")

    agent.on_dial = refuse
    client = await world.client().open()

    assert isinstance(client.closed_by(), errors.AgentUnreachableError)
    assert world.given_back == [SESSION]


async def test_an_agent_that_dies_before_it_answers_is_a_failed_start(world: World, agent: FakeAgent):
    agent.replies["initialize"] = NOTHING_YET
    client = await world.client().open()
    agent.die("the agent exited with code 3")
    await settle()

    error = client.closed_by()
    assert isinstance(error, errors.AgentStartError)
    assert "code 3" in error.detail
    assert agent.closed


async def test_a_bug_while_opening_is_told_to_the_client_too(world: World, agent: FakeAgent):
    def fail() -> None:
        raise KeyError("hunter2")

    agent.on_dial = fail
    client = await world.client().open()

    error = client.closed_by()
    assert isinstance(error, errors.LumiLinkError)
    assert "hunter2" not in error.detail
    assert world.given_back == [SESSION]
    assert world.is_stopped()


async def test_a_worker_that_stops_meanwhile_tells_the_client(world: World, agent: FakeAgent):
    agent.replies["session/new"] = NOTHING_YET
    client = await world.client().open()
    await world.system.stop(1.0)

    error = client.closed_by()
    assert isinstance(error, errors.ActorStoppedError)
    assert error.retryable
    assert world.given_back == [SESSION]


async def test_frames_that_come_before_the_session_change_nothing(world: World, agent: FakeAgent):
    agent.replies["session/new"] = NOTHING_YET
    client = await world.client().open()
    await client.prompt("2")

    assert client.messages() == []
    assert agent.requests("session/prompt") == []


# ---------------------------------------------------------------------- forks

FORKS = {"protocolVersion": 1, "agentCapabilities": {"sessionCapabilities": {"fork": {}, "close": {}}}}


@pytest.fixture
def forking(agent: FakeAgent) -> FakeAgent:
    agent.replies["initialize"] = FORKS
    agent.replies["session/fork"] = {"sessionId": "agent-2"}
    return agent


async def test_a_fork_is_a_session_of_its_own(world: World, forking: FakeAgent):
    first = await world.opened_client()
    second = await world.client("ses_2").fork(SESSION)
    forking.update("to the first")
    forking.update("to the second", session="agent-2")
    await settle()

    assert cast("dict[str, object]", second.reply("1")["result"])["sessionId"] == "ses_2"
    assert cast("dict[str, object]", forking.heard[-1]["params"])["sessionId"] == "agent-1"
    assert first.story() == ["to the first"]
    assert second.story() == ["=1", "to the second"]
    assert list(world.opened) == [SESSION, "ses_2"]


async def test_an_agent_that_cannot_fork_is_not_asked_to(world: World, agent: FakeAgent):
    first = await world.opened_client()
    second = await world.client("ses_2").fork(SESSION)

    assert isinstance(second.closed_by(), errors.AgentCapabilityError)
    assert world.given_back == ["ses_2"]
    assert first.closed_by() is None
    assert agent.requests("session/fork") == []


async def test_a_fork_that_is_refused_leaves_the_source_as_it_was(world: World, forking: FakeAgent):
    forking.replies["session/fork"] = {"code": -32603, "message": "not now"}
    first = await world.opened_client()
    second = await world.client("ses_2").fork(SESSION)
    forking.update("still here")
    await settle()

    assert second.reply("1")["error"] == {"code": -32603, "message": "not now"}
    assert world.given_back == ["ses_2"]
    assert first.story() == ["still here"]


async def test_a_fork_under_the_name_of_another_session_is_refused(world: World, forking: FakeAgent):
    forking.replies["session/fork"] = {"sessionId": "agent-1"}
    first = await world.opened_client()
    second = await world.client("ses_2").fork(SESSION)
    forking.update("still here")
    await settle()

    assert isinstance(second.closed_by(), errors.AgentProtocolError)
    assert first.story() == ["still here"]


async def test_a_fork_of_a_session_that_is_not_there_is_refused(world: World, forking: FakeAgent):
    await world.opened_client()
    second = await world.client("ses_2").fork("ses_9")

    assert isinstance(second.closed_by(), errors.SessionNotFoundError)
    assert world.given_back == ["ses_2"]


async def test_a_fork_whose_client_left_is_no_session(world: World, forking: FakeAgent):
    forking.replies["session/fork"] = NOTHING_YET
    await world.opened_client()
    second = await world.client("ses_2").fork(SESSION)
    second.attachment.leave()
    forking.answer("session/fork", {"sessionId": "agent-2"})
    await settle()

    assert list(world.opened) == [SESSION]
    assert world.given_back == ["ses_2"]


async def test_closing_the_last_session_waits_for_a_fork_of_it(world: World, forking: FakeAgent):
    forking.replies["session/fork"] = NOTHING_YET
    forking.replies["session/close"] = {}
    first = await world.opened_client()
    second = await world.client("ses_2").fork(SESSION)
    await first.request("2", "session/close")
    assert not world.is_stopped()
    forking.answer("session/fork", {"sessionId": "agent-2"})
    await settle()

    assert "result" in second.reply("1")
    await second.request("2", "session/close")
    assert world.is_stopped()


async def test_a_fork_that_fails_after_the_last_session_is_closed_leaves_nothing(
    world: World, forking: FakeAgent
):
    forking.replies["session/fork"] = NOTHING_YET
    forking.replies["session/close"] = {}
    first = await world.opened_client()
    second = await world.client("ses_2").fork(SESSION)
    await first.request("2", "session/close")
    forking.say(
        {
            "jsonrpc": "2.0",
            "id": forking.requests("session/fork")[0]["id"],
            "error": json.loads('{"code":-32603,"message":"no"}'),
        }
    )
    await settle()

    assert "error" in second.reply("1")
    assert world.is_stopped()
    assert sorted(world.given_back) == [SESSION, "ses_2"]


async def test_what_waited_for_a_fork_that_failed_is_not_kept(world: World, forking: FakeAgent):
    forking.replies["session/fork"] = NOTHING_YET
    await world.opened_client()
    await world.client("ses_2").fork(SESSION)
    forking.ask("70", "session/request_permission", session="agent-2")
    forking.answer("session/fork", {"wrong": True})
    await settle()

    refusal = forking.answers()[-1]
    assert refusal["id"] == 70
    assert cast("dict[str, object]", refusal["error"])["code"] == -32602
