"""What clients ask of the agent in a session: forwarded under ids of ours, answered under theirs."""

import asyncio
import json
from typing import cast

import pytest
from session_world import SESSION, FakeAgent, World, settle

from actors import errors
from actors.connection import calls

IDS = ["1", "1.0", '"1"', "null", "12345678901234567890", "-0", '"\\u00e9"', '""', "1e3"]


@pytest.mark.parametrize("id_text", IDS)
@pytest.mark.parametrize("method", ["session/prompt", "session/set_mode", "session/close"])
async def test_ids_of_every_kind_come_back_as_they_were_spelled(
    world: World, agent: FakeAgent, id_text: str, method: str
):
    client = await world.opened_client()
    agent.replies[method] = {"stopReason": "end_turn"}
    await client.request(id_text, method, prompt=[])

    answers = [frame for frame in client.channel.frames if frame[0] == "answer"]
    assert [frame[2] for frame in answers] == [id_text.encode()]
    assert b'"id":' + id_text.encode() + b"," in cast("bytes", answers[0][3])


async def test_the_agent_is_told_its_own_name_of_the_session(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.request("5", "session/set_mode", modeId="ask")

    assert agent.requests("session/set_mode")[0]["params"] == {"sessionId": "agent-1", "modeId": "ask"}


async def test_the_client_is_told_our_name_of_the_session(world: World, agent: FakeAgent):
    agent.replies["_vendor/where"] = {"sessionId": "agent-1", "x": 1}
    client = await world.opened_client()
    await client.request("5", "_vendor/where")

    assert client.reply("5")["result"] == {"sessionId": SESSION, "x": 1}


async def test_an_error_of_the_agent_passes_through_untouched(world: World, agent: FakeAgent):
    agent.replies["session/set_mode"] = {"code": -32099, "message": "no such mode", "data": [1, "two"]}
    client = await world.opened_client()
    await client.request("5", "session/set_mode", modeId="x")

    assert client.reply("5")["error"] == {"code": -32099, "message": "no such mode", "data": [1, "two"]}


async def test_two_clients_may_use_the_same_id_at_once(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    await one.request("7", "session/set_mode", modeId="a")
    await two.request("7", "session/set_mode", modeId="b")
    first, second = agent.requests("session/set_mode")
    assert first["id"] != second["id"]
    agent.say({"jsonrpc": "2.0", "id": second["id"], "result": {"for": "two"}})
    agent.say({"jsonrpc": "2.0", "id": first["id"], "result": {"for": "one"}})
    await settle()

    assert one.reply("7")["result"] == {"for": "one"}
    assert two.reply("7")["result"] == {"for": "two"}


async def test_one_client_may_not(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.request("7", "session/set_mode", modeId="a")
    await client.request("7", "session/set_mode", modeId="b")
    assert client.code("7") == "invalid-request"
    agent.answer("session/set_mode", {"first": True})
    await settle()

    answers = [message for message in client.messages() if message.get("id") == 7]
    assert answers[1]["result"] == {"first": True}


async def test_an_agent_may_spell_our_number_as_a_float(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.request("7", "session/set_mode", modeId="a")
    number = agent.requests("session/set_mode")[0]["id"]
    agent.say(f'{{"jsonrpc":"2.0","id":{number}.0,"result":{{}}}}'.encode())
    await settle()

    assert client.reply("7")["result"] == {}


async def test_a_request_without_an_answer_ends_at_its_deadline(world: World, agent: FakeAgent):
    world.set(request_timeout_s=60.0)
    client = await world.opened_client()
    await client.request("7", "session/set_mode", modeId="a")
    await asyncio.sleep(59.0)
    assert client.messages() == []
    await asyncio.sleep(2.0)
    assert client.code("7") == "agent-timeout"
    agent.answer("session/set_mode", {})
    await settle()

    assert client.code("7") == "agent-timeout", "the answer that comes after it goes nowhere"


async def test_an_answered_request_leaves_no_timer(world: World, agent: FakeAgent):
    agent.replies["session/set_mode"] = {}
    client = await world.opened_client()
    timers = _live_timers()
    for number in range(10):
        await client.request(str(number), "session/set_mode", modeId="a")

    assert _live_timers() == timers


async def test_an_agent_that_does_not_read_makes_requests_fail_at_once(world: World, agent: FakeAgent):
    client = await world.opened_client()
    agent.full = True
    timers = _live_timers()
    await client.request("7", "session/set_mode", modeId="a")
    await client.prompt("8")

    assert client.code("7") == client.code("8") == "mailbox-full"
    assert _live_timers() == timers


async def test_too_many_unanswered_requests_are_refused_without_a_trace(
    world: World, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
):
    client = await world.opened_client()
    monkeypatch.setattr(calls, "MAX_CALLS", 2)
    for number in range(4):
        await client.request(str(number), "session/set_mode", modeId="a")
    assert client.code("2") == client.code("3") == "mailbox-full"
    agent.say({"jsonrpc": "2.0", "id": agent.requests("session/set_mode")[0]["id"], "result": {}})
    await settle()
    await client.request("2", "session/set_mode", modeId="a")

    assert len(agent.requests("session/set_mode")) == 3, "the same id may be used again, and there is room"


async def test_a_client_may_cancel_its_request(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.request('"r"', "session/set_mode", modeId="a")
    await client.notify("$/cancel_request", requestId="r")

    number = agent.requests("session/set_mode")[0]["id"]
    assert agent.heard[-1] == {
        "jsonrpc": "2.0",
        "method": "$/cancel_request",
        "params": {"requestId": number},
    }


async def test_a_client_cannot_cancel_the_request_of_another(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    await one.request("7", "session/set_mode", modeId="a")
    heard = len(agent.heard)
    await two.notify("$/cancel_request", requestId=7)

    assert len(agent.heard) == heard


async def test_notifications_of_a_client_reach_the_agent(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.notify("_vendor/hint", sessionId=SESSION, x=1)

    assert agent.heard[-1]["params"] == {"sessionId": "agent-1", "x": 1}


@pytest.mark.parametrize(
    "frame",
    [
        {"jsonrpc": "2.0", "method": "$/cancel_request", "params": {}},
        {"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": "another"}},
        {"jsonrpc": "2.0", "method": "_vendor/hint"},
        {"jsonrpc": "2.0", "id": "ses_1/q99", "result": {}},
        {"jsonrpc": "2.0", "id": 5, "error": {"code": 1, "message": "x"}},
    ],
    ids=json.dumps,
)
async def test_what_is_wrong_with_no_request_comes_as_a_notice_and_never_as_an_answer(
    world: World, agent: FakeAgent, frame: object
):
    client = await world.opened_client()
    await client.prompt("1")
    client.forget()
    await client.send(frame)

    assert [frame[0] for frame in client.channel.frames] == ["data"]
    assert [message["method"] for message in client.messages()] == ["_lumilink/notice"]
    assert client.told("_lumilink/notice")[0]["sessionId"] == SESSION


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"{", "parse-error"),
        (b"\xff", "parse-error"),
        (b"[]", "invalid-request"),
        (b'{"jsonrpc":"2.0","id":9}', "invalid-request"),
        (
            b'{"jsonrpc":"2.0","id":9,"method":"session/prompt","params":{"sessionId":"ses_1"}}',
            "invalid-params",
        ),
    ],
    ids=repr,
)
async def test_a_bad_message_is_answered_to_its_sender_alone(
    world: World, agent: FakeAgent, frame: bytes, code: str
):
    one = await world.opened_client()
    two = await world.client().attach()
    two.forget()
    heard = len(agent.heard)
    await one.send(frame)

    assert one.code("9" if b'"id":9' in frame else "null") == code
    assert two.messages() == []
    assert len(agent.heard) == heard


async def test_a_message_over_the_limit_is_refused(world: World, agent: FakeAgent):
    world.set(max_frame_bytes=1000)
    client = await world.opened_client()
    await client.prompt("9", "x" * 1000)

    assert client.code("null") == "frame-too-large"


async def test_an_answer_nested_too_deep_to_be_read_does_not_leave_its_request_open(
    world: World, agent: FakeAgent
):
    world.set(request_timeout_s=60.0)
    client = await world.opened_client()
    await client.request("7", "session/set_mode", modeId="a")
    deep = "[" * 5000 + "]" * 5000
    number = agent.requests("session/set_mode")[0]["id"]
    agent.say(f'{{"jsonrpc":"2.0","id":{number},"result":{deep}}}'.encode())
    await asyncio.sleep(61.0)

    assert client.code("7") == "agent-timeout"


async def test_frames_for_another_session_do_not_leak_a_call(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.send({"jsonrpc": "2.0", "id": 3, "method": "session/set_mode", "params": {"sessionId": "x"}})

    assert client.code("3") == "invalid-params"
    assert agent.requests("session/set_mode") == []
    await client.request("3", "session/set_mode", modeId="a")
    assert len(agent.requests("session/set_mode")) == 1


async def test_errors_keep_their_category_and_recovery(world: World, agent: FakeAgent):
    client = await world.opened_client()
    agent.full = True
    await client.request("7", "session/set_mode", modeId="a")
    error = cast("dict[str, dict[str, object]]", client.reply("7")["error"])

    assert error["code"] == errors.MailboxFullError.rpc_code
    assert set(error["data"]) == {"code", "category", "retryable", "recovery"}


def _live_timers() -> int:
    timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # it has no public name
    return len([timer for timer in timers if not timer.cancelled()])
