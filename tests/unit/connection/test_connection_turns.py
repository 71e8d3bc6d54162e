"""Prompts: their updates, their answer, their cancellation, and what becomes of those that wait."""

import asyncio
import json
from typing import cast

import pytest
from session_world import BEGUN, SESSION, FakeAgent, World, settle

from actors.connection.turns import MAX_WAITING

DONE = {"stopReason": "end_turn"}
CANCELLED = {"stopReason": "cancelled"}


async def test_updates_come_before_the_answer_that_they_lead_to(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.prompt("2")
    agent.update("one")
    agent.update("two")
    agent.answer("session/prompt", DONE)
    await settle()

    assert client.story() == ["one", "two", "=2"]
    assert client.reply("2")["result"] == DONE


async def test_every_update_bears_its_cursor(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.prompt("2")
    agent.update("one")
    agent.update("two")
    await settle()

    metas = [cast("dict[str, object]", params["_meta"]) for params in client.told("session/update")]
    seqs = [entry.seq for entry in await world.entries() if entry.kind == "update"]
    assert metas == [{"lumilink": {"seq": seq}} for seq in seqs]
    assert len(seqs) == 2


async def test_a_prompt_is_shown_to_the_other_clients_only(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    two.forget()
    await one.prompt("2", "hello")
    agent.answer("session/prompt", DONE)
    await settle()

    assert one.story() == ["=2"]
    assert two.story() == ["hello"]
    shown = cast("dict[str, object]", two.told("session/update")[0])
    assert shown["sessionId"] == SESSION
    assert cast("dict[str, object]", shown["update"])["sessionUpdate"] == "user_message_chunk"


async def test_a_second_prompt_waits_and_its_client_is_told(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.prompt("2", "first")
    await client.prompt("3", "second")
    assert len(agent.requests("session/prompt")) == 1
    assert client.told("_lumilink/queued") == [{"sessionId": SESSION, "place": 1}]
    agent.answer("session/prompt", DONE)
    await settle()

    assert len(agent.requests("session/prompt")) == 2
    agent.answer("session/prompt", {"stopReason": "max_tokens"})
    await settle()
    assert client.reply("2")["result"] == DONE
    assert client.reply("3")["result"] == {"stopReason": "max_tokens"}


async def test_a_prompt_that_waits_enters_the_conversation_when_its_turn_comes(
    world: World, agent: FakeAgent
):
    one = await world.opened_client()
    await one.prompt("2", "first")
    await one.prompt("3", "second")
    agent.update("about the first")
    agent.answer("session/prompt", DONE)
    await settle()
    agent.update("about the second")
    await settle()
    later = await world.client().attach()

    assert later.story() == ["first", "about the first", "second", "about the second", "=1"]


async def test_the_answer_of_a_turn_comes_before_the_prompt_of_the_next(world: World, agent: FakeAgent):
    one = await world.opened_client()
    two = await world.client().attach()
    await one.prompt("2", "first")
    await two.prompt("3", "second")
    agent.answer("session/prompt", DONE)
    await settle()

    assert one.story() == ["=2", "second"]


async def test_a_prompt_too_many_is_refused(world: World, agent: FakeAgent):
    client = await world.opened_client()
    for number in range(MAX_WAITING + 2):
        await client.prompt(str(number))

    assert client.code(str(MAX_WAITING + 1)) == "prompt-queue-full"


async def test_cancel_ends_what_waits_and_asks_the_agent_to_end_what_runs(world: World, agent: FakeAgent):
    client = await world.opened_client()
    for number in (2, 3, 4):
        await client.prompt(str(number))
    await client.cancel()
    assert client.reply("3")["result"] == client.reply("4")["result"] == CANCELLED
    assert agent.heard[-1] == {
        "jsonrpc": "2.0",
        "method": "session/cancel",
        "params": {"sessionId": "agent-1"},
    }
    agent.update("last words")
    agent.answer("session/prompt", CANCELLED)
    await settle()

    assert client.story()[-2:] == ["last words", "=2"]
    assert len(agent.requests("session/prompt")) == 1


async def test_a_turn_that_the_agent_does_not_end_is_ended_after_the_grace(world: World, agent: FakeAgent):
    world.set(cancel_grace_s=30.0)
    client = await world.opened_client()
    await client.prompt("2")
    await client.cancel()
    await asyncio.sleep(29.0)
    assert "=2" not in client.story()
    await asyncio.sleep(2.0)

    assert client.reply("2")["result"] == CANCELLED
    agent.answer("session/prompt", DONE)
    await client.prompt("3")
    assert client.reply("2")["result"] == CANCELLED, "it is answered once"
    assert len(agent.requests("session/prompt")) == 2, "the next turn runs"


async def test_the_grace_of_one_turn_does_not_end_the_next(world: World, agent: FakeAgent):
    world.set(cancel_grace_s=30.0)
    client = await world.opened_client()
    await client.prompt("2")
    await client.cancel()
    agent.answer("session/prompt", CANCELLED)
    await settle()
    await client.prompt("3")
    await asyncio.sleep(100.0)

    assert "=3" not in client.story()


async def test_many_cancels_of_one_turn_cost_one_timer(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.prompt("2")
    loop = asyncio.get_running_loop()
    await client.cancel()
    timers = len(loop._scheduled)  # type: ignore[attr-defined]  # it has no public name
    for _ in range(10):
        await client.cancel()

    assert len(loop._scheduled) == timers  # type: ignore[attr-defined]  # it has no public name
    assert len(agent.requests("session/cancel")) == 11, "the agent hears of each"


async def test_a_cancel_that_cannot_be_sent_still_ends_the_turn(world: World, agent: FakeAgent):
    world.set(cancel_grace_s=30.0)
    client = await world.opened_client()
    await client.prompt("2")
    agent.full = True
    await client.cancel()
    await asyncio.sleep(31.0)

    assert client.reply("2")["result"] == CANCELLED


async def test_cancel_without_a_turn_changes_nothing(world: World, agent: FakeAgent):
    client = await world.opened_client()
    heard = len(agent.heard)
    await client.cancel()

    assert len(agent.heard) == heard
    assert client.messages() == []


async def test_a_prompt_that_waits_can_be_cancelled_alone(world: World, agent: FakeAgent):
    client = await world.opened_client()
    for number in (2, 3, 4):
        await client.prompt(str(number))
    await client.notify("$/cancel_request", requestId=3)
    assert client.reply("3")["result"] == CANCELLED
    agent.answer("session/prompt", DONE)
    await settle()
    agent.answer("session/prompt", DONE)
    await settle()

    assert client.reply("4")["result"] == DONE
    assert len(agent.requests("session/prompt")) == 2


async def test_a_running_prompt_can_be_cancelled_by_its_id(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.prompt("2")
    await client.notify("$/cancel_request", requestId=2)

    number = agent.requests("session/prompt")[0]["id"]
    assert cast("dict[str, object]", agent.heard[-1]["params"])["requestId"] == number


async def test_a_repeated_prompt_is_run_once_and_answered_to_both(world: World, agent: FakeAgent):
    one = await world.opened_client()
    await one.prompt("2", prompt_id="p-1")
    two = await world.client().attach()
    await two.prompt("9", prompt_id="p-1")
    agent.answer("session/prompt", DONE)
    await settle()

    assert len(agent.requests("session/prompt")) == 1
    assert one.reply("2")["result"] == two.reply("9")["result"] == DONE


async def test_the_outcome_of_a_prompt_is_there_for_a_client_that_comes_back(world: World, agent: FakeAgent):
    one = await world.opened_client()
    await one.prompt("2", prompt_id="p-1")
    await one.leave()
    agent.update("meanwhile")
    agent.answer("session/prompt", DONE)
    await settle()
    again = await world.client().attach()
    await again.prompt("2", prompt_id="p-1")

    assert again.story() == ["hello", "meanwhile", "=1", "=2"]
    assert again.reply("2")["result"] == DONE
    assert len(agent.requests("session/prompt")) == 1


async def test_a_client_that_came_back_while_its_prompt_waited_is_not_told_what_it_said(
    world: World, agent: FakeAgent
):
    one = await world.opened_client()
    other = await world.client().attach()
    await other.prompt("8", "someone else's")
    await one.prompt("2", "mine", prompt_id="p-1")
    await one.leave()
    again = await world.client().attach()
    await again.prompt("2", "mine", prompt_id="p-1")
    agent.answer("session/prompt", DONE)
    await settle()

    assert "mine" not in again.story()
    assert other.story()[-1] == "mine"


@pytest.mark.parametrize(
    "meta", [{"lumilink": {"promptId": ""}}, {"lumilink": {"promptId": 5}}, {"lumilink": 7}]
)
async def test_a_prompt_id_of_no_use_is_refused(world: World, agent: FakeAgent, meta: object):
    client = await world.opened_client()
    await client.request("2", "session/prompt", prompt=[], _meta=meta)

    assert client.code("2") == "invalid-params"
    assert agent.requests("session/prompt") == []


async def test_other_members_of_meta_are_nobodys_business(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.request("2", "session/prompt", prompt=[], _meta={"vendor": {"x": 1}, "lumilink": {}})

    params = cast("dict[str, object]", agent.requests("session/prompt")[0]["params"])
    assert params["_meta"] == {"vendor": {"x": 1}, "lumilink": {}}


async def test_a_turn_goes_on_without_any_client(world: World, agent: FakeAgent):
    one = await world.opened_client()
    await one.prompt("2")
    await one.leave()
    agent.update("nobody listens")
    agent.answer("session/prompt", DONE)
    await settle()
    later = await world.client().attach()

    assert later.story() == ["hello", "nobody listens", "=1"]


async def test_the_outcome_of_a_prompt_is_kept_and_told_to_nobody_else(world: World, agent: FakeAgent):
    one = await world.opened_client()
    await one.prompt("2")
    await one.leave()
    agent.answer("session/prompt", DONE)
    await settle()
    later = await world.client().attach()

    assert later.story() == ["hello", "=1"]
    entries = await world.entries()
    assert [entry.kind for entry in entries] == [*BEGUN, "turn-started", "prompt", "turn-ended"]
    client, _, note = entries[-1].payload.partition(b"\n")
    assert client.decode() == one.name
    assert json.loads(note) == {"turn": 1, "outcome": "completed", "answer": {"result": DONE}}


async def test_an_agent_that_dies_mid_turn_fails_what_it_had_with_a_retryable_error(
    world: World, agent: FakeAgent
):
    one = await world.opened_client()
    two = await world.client().attach()
    await one.prompt("2")
    await two.request("5", "session/set_mode", modeId="x")
    agent.update("half a sent")
    agent.die()
    await settle()

    for client, id_text, code in ((one, "2", "turn-interrupted"), (two, "5", "agent-closed")):
        error = cast("dict[str, dict[str, object]]", client.reply(id_text)["error"])
        assert error["data"]["code"] == code
        assert error["data"]["retryable"] is True
    assert one.story().index("half a sent") < one.story().index("=2")
    for client in (one, two):
        assert client.closed_by() is None
        assert [notice["kind"] for notice in client.told("_lumilink/notice")] == ["agent-closed"]


async def test_prompts_that_wait_when_the_agent_dies_are_run_when_it_is_back(world: World, agent: FakeAgent):
    client = await world.opened_client()
    for number in (2, 3, 4):
        await client.prompt(str(number), f"prompt {number}")
    agent.die()
    await settle()
    assert client.code("2") == "turn-interrupted"
    assert agent.dials == 2
    for _ in range(2):
        agent.answer("session/prompt", DONE)
        await settle()

    assert client.reply("3")["result"] == client.reply("4")["result"] == DONE
    assert len(agent.requests("session/prompt")) == 3, "what the agent had is not sent again"


async def test_the_link_to_a_dead_agent_is_let_go_of_at_once(world: World, agent: FakeAgent):
    await world.opened_client()
    agent.die()
    await settle()

    assert agent.closed


async def test_a_session_whose_agent_died_can_still_be_read_and_closed(world: World, agent: FakeAgent):
    one = await world.opened_client()
    agent.update("so far")
    agent.die()
    await settle()
    two = await world.client().attach()
    assert two.story() == ["so far", "=1"]
    await two.request("3", "session/close")

    assert two.reply("3")["result"] == {}
    assert one.closed_by() is not None
    assert world.is_stopped()


async def test_a_malformed_answer_ends_the_turn_and_not_a_request_of_the_agents(
    world: World, agent: FakeAgent
):
    client = await world.opened_client()
    await client.prompt("2")
    number = agent.requests("session/prompt")[0]["id"]
    heard = len(agent.heard)
    agent.say(f'{{"jsonrpc":"2.0","id":{number},"error":"boom"}}'.encode())
    await settle()

    assert client.code("2") == "agent-protocol-error"
    assert len(agent.heard) == heard, "an error under its id would answer a request of its own"
