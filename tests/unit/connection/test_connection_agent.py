"""What an agent may do to us: garbage, floods, surprises. None of it reaches a client or ends a session."""

from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_world import SESSION, FakeAgent, World, settle

from actors.connection import port
from actors.connection.inbox import PAUSE_AT_FRAMES
from actors.kernel.testing import ClockJumpLoop


@pytest.mark.parametrize(
    ("garbage", "code"),
    [
        (b"", -32700),
        (b"not json", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b"5", -32600),
        (b"{}", -32600),
        (b'[{"jsonrpc":"2.0","method":"x"}]', -32600),
        (b'{"jsonrpc":"1.0","method":"x"}', -32600),
        (b'{"jsonrpc":"2.0","method":5}', -32600),
        (b'{"jsonrpc":"2.0","method":"x","params":5}', -32602),
        (b'{"jsonrpc":"2.0","method":"x","params":{"sessionId":5}}', -32602),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_garbage_is_answered_to_the_agent_and_shown_to_nobody(
    world: World, agent: FakeAgent, garbage: bytes, code: int
):
    client = await world.opened_client()
    agent.say(garbage)
    agent.update("next")
    await settle()

    refusal = agent.answers()[-1]
    assert refusal["id"] is None
    assert cast("dict[str, object]", refusal["error"])["code"] == code
    assert client.story() == ["next"]


@pytest.mark.parametrize(
    "odd",
    [
        {"jsonrpc": "2.0", "id": 99, "result": {}},
        {"jsonrpc": "2.0", "id": "ses_1/q1", "result": {}},
        {"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": "x"}},
        {"jsonrpc": "2.0", "id": 99},
        {"jsonrpc": "2.0", "id": 99, "result": {}, "error": {"code": 1, "message": "x"}},
        {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "agent-9", "update": {}}},
        {"jsonrpc": "2.0", "method": "$/cancel_request", "params": {}},
        {"jsonrpc": "2.0", "method": "$/cancel_request"},
        {"jsonrpc": "2.0", "method": "$/cancel_request", "params": {"requestId": {"a": [1]}}},
    ],
    ids=repr,
)
async def test_what_leads_nowhere_does_no_harm(world: World, agent: FakeAgent, odd: object):
    client = await world.opened_client()
    agent.say(odd)
    agent.update("next")
    await settle()

    assert client.story() == ["next"]


async def test_updates_pass_through_with_all_that_is_in_them(world: World, agent: FakeAgent):
    client = await world.opened_client()
    frame = (
        '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"agent-1","update":'
        '{"sessionUpdate":"new_in_v9","n":1.50,"s":"\\u00e9","deep":{"a":[null]}},"_meta":{"vendor":1}}}'
    )
    agent.say(frame.encode())
    await settle()

    shown = cast("bytes", client.channel.frames[0][3])
    assert b'{"sessionUpdate":"new_in_v9","n":1.50,"s":"\\u00e9","deep":{"a":[null]}}' in shown
    assert client.told("session/update")[0]["_meta"] == {
        "vendor": 1,
        "lumilink": {"seq": (await world.entries())[-1].seq},
    }
    assert client.told("session/update")[0]["sessionId"] == SESSION


async def test_notifications_without_a_session_reach_the_one_there_is(world: World, agent: FakeAgent):
    client = await world.opened_client()
    agent.say({"jsonrpc": "2.0", "method": "_vendor/hint", "params": {"x": 1}})
    await settle()

    assert client.told("_vendor/hint") == [{"x": 1}]


async def test_a_flood_stops_the_reading_and_loses_nothing(world: World, agent: FakeAgent):
    client = await world.opened_client()
    total = 4 * PAUSE_AT_FRAMES
    for number in range(total):
        agent.update(str(number))
    assert not agent.reading
    while not agent.reading:
        await client.credit()
    for _ in range(20):
        await client.credit()

    assert client.story() == [str(number) for number in range(total)]


async def test_a_flood_leaves_room_for_others_between_its_messages(world: World, agent: FakeAgent):
    client = await world.opened_client()
    for number in range(port.READ_AT_ONCE * 3):
        agent.update(str(number))
    await client.request("7", "session/set_mode", modeId="a")

    assert agent.requests("session/set_mode") != []


async def test_the_end_of_the_agent_comes_after_all_that_it_said(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.prompt("2")
    for number in range(3 * port.READ_AT_ONCE):
        agent.update(str(number))
    agent.die()
    await settle()

    story = client.story()
    assert story[: 3 * port.READ_AT_ONCE] == [str(number) for number in range(3 * port.READ_AT_ONCE)]
    assert sorted(story[3 * port.READ_AT_ONCE :]) == ["=2", "_lumilink/notice"]


async def test_a_message_that_fails_does_not_make_us_deaf(
    world: World, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
):
    from actors.errors import ParseError

    client = await world.opened_client()
    show = "actors.connection.session.Session.show_plain_update"

    def fail(*_: object) -> None:
        raise ParseError("nested too deep")

    with monkeypatch.context() as patch:
        patch.setattr(show, fail)
        agent.update("lost")
        await settle()
    agent.update("next")
    await settle()

    assert client.story() == ["next"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
frames = st.one_of(
    st.binary(max_size=40),
    st.builds(
        lambda **members: {key: value for key, value in members.items() if value != "absent"},
        jsonrpc=st.sampled_from(["2.0", "2.0", "2.0", "1.0"]),
        id=st.sampled_from(["absent", "absent"]) | json_values,
        method=st.sampled_from(
            [
                "absent",
                "session/update",
                "session/request_permission",
                "$/cancel_request",
                "fs/read_text_file",
                5,
            ]
        ),
        params=st.just("absent")
        | json_values
        | st.fixed_dictionaries(
            {"sessionId": st.just("agent-1"), "update": json_values, "_meta": json_values}
        ),
        result=st.just("absent") | json_values,
    ),
)


@settings(max_examples=150, deadline=None)
@given(said=st.lists(frames, max_size=8))
def test_no_message_of_an_agent_ends_a_session(said: list[object]):
    async def scenario() -> None:
        agent = FakeAgent()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(port, "dial", agent.dial)
            world = World(agent)
            client = await world.opened_client()
            for frame in said:
                agent.say(frame)
            agent.update("the end")
            await settle()
            assert client.closed_by() is None
            assert [one for one in client.channel.frames if b"the end" in cast("bytes", one[3])]
            await world.end()

    loop = ClockJumpLoop()
    try:
        loop.run_until_complete(scenario())
    finally:
        loop.close()
