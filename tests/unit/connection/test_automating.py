"""A turn's answer says what came of its automation, and loses nothing when a process ends meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from session_world import SESSION, Client, FakeAgent, World, settle

from actors import errors
from actors.automation.messages import AskApproval, AutomationNews
from actors.automation.order import Order
from actors.automation.outcome import Summary
from actors.automation.record import News
from actors.automation.words import NewsKind
from actors.connection import port
from actors.connection.messages import AttachMode, DecideQuestion, RunAutomation

DONE = {"stopReason": "end_turn"}
WAIT_S = 60.0


class Desk:
    """Automations that a test ends itself. What is asked for under one key is one run."""

    wait_s = WAIT_S

    def __init__(self, *, is_on: bool = True) -> None:
        self.is_on = is_on
        self.orders: dict[str, Order] = {}
        self.ends: dict[str, asyncio.Future[Summary]] = {}
        self.loaded: list[tuple[str, int]] = []
        self.closed: list[str] = []
        self.said: list[tuple[str, bool]] = []

    async def carry_out(self, order: Order, wait_s: float) -> Summary | None:
        self.orders.setdefault(order.key, order)
        end = self.ends.setdefault(order.key, asyncio.get_running_loop().create_future())
        try:
            return await asyncio.wait_for(asyncio.shield(end), wait_s)
        except TimeoutError:
            return None

    def session_loaded(self, session_id: str, after_seq: int) -> None:
        self.loaded.append((session_id, after_seq))

    def session_closed(self, session_id: str) -> None:
        self.closed.append(session_id)

    def approved(self, key: str, *, ok: bool) -> None:
        self.said.append((key, ok))

    @property
    def order(self) -> Order:
        [order] = self.orders.values()
        return order

    def end(self, number: int = -1) -> None:
        key = list(self.orders)[number]
        self.ends[key].set_result(_summary(self.orders[key]))

    def fail(self, error: errors.LumiLinkError) -> None:
        self.ends[self.order.key].set_exception(error)


def _summary(order: Order) -> Summary:
    at = "2026-03-01T12:00:00.000Z"
    return Summary(order.run_id, order.session_id, "ws_1", "success", at, 5, toast_message="Done.")


@pytest.fixture
def desk(world: World) -> Desk:
    desk = world.automation = Desk()
    return desk


def told(client: Client, id_text: str = "2") -> dict[str, Any]:
    """What the answer to a prompt says of the automation."""
    result = cast("dict[str, Any]", client.reply(id_text)["result"])
    assert result["stopReason"] == "end_turn"
    found: dict[str, Any] = result["_meta"]["lumilink"]["automation"]
    return found


async def prompted(world: World, agent: FakeAgent, **meta: object) -> Client:
    """A client whose agent has ended the turn."""
    client = await world.opened_client()
    params: dict[str, Any] = {"prompt": [{"type": "text", "text": "Keep the items\nof a cart"}]}
    if meta:
        params["_meta"] = {"lumilink": meta}
    await client.request("2", "session/prompt", **params)
    agent.answer("session/prompt", DONE | {"_meta": {"agent": 1}})
    await settle()
    return client


async def test_the_answer_waits_for_the_run_and_tells_of_it(world: World, agent: FakeAgent, desk: Desk):
    client = await prompted(world, agent)
    assert client.story() == []
    assert (await world.kinds())[-1] == "answered"
    desk.end()
    await settle()

    assert told(client)["summaryId"] == desk.order.run_id
    assert cast("Any", client.reply("2"))["result"]["_meta"]["agent"] == 1
    order = desk.order
    assert (order.key, order.cwd, order.turn) == (f"{SESSION}/turn/1", "/w", 1)
    assert order.subject == "Keep the items"
    assert (await world.kinds())[-1] == "turn-ended"


async def test_what_was_answered_is_in_the_journal_before_the_run_begins(
    world: World, agent: FakeAgent, desk: Desk
):
    await prompted(world, agent)

    assert len(await world.noted("answered")) == 1
    assert list(desk.orders) == [f"{SESSION}/turn/1"]


async def test_a_run_that_takes_long_is_pending_in_the_answer(world: World, agent: FakeAgent, desk: Desk):
    client = await prompted(world, agent)
    await asyncio.sleep(WAIT_S + 1.0)

    assert told(client) == {"status": "pending", "runId": desk.order.run_id}


async def test_a_run_that_cannot_be_begun_ends_the_turn_as_well(world: World, agent: FakeAgent, desk: Desk):
    client = await prompted(world, agent)
    desk.fail(errors.MailboxFullError("64 automations wait"))
    await settle()

    assert (told(client)["status"], told(client)["error"]["code"]) == ("error", "mailbox-full")
    assert client.notices() == ["automation-failed"]


async def test_the_next_prompt_waits_for_the_turns_end(world: World, agent: FakeAgent, desk: Desk):
    client = await prompted(world, agent)
    await client.prompt("3")
    assert len(agent.requests("session/prompt")) == 1
    desk.end()
    await settle()

    assert len(agent.requests("session/prompt")) == 2


@pytest.mark.parametrize("how", ["cancel", "cancel request", "close"])
async def test_who_does_not_wait_any_more_is_answered_and_the_run_goes_on(
    world: World, agent: FakeAgent, desk: Desk, how: str
):
    client = await prompted(world, agent)
    if how == "cancel":
        await client.cancel()
    elif how == "cancel request":
        await client.notify("$/cancel_request", requestId=2)
    else:
        await client.request("9", "session/close")
    assert told(client)["status"] == "pending"
    assert not desk.ends[desk.order.key].cancelled()
    desk.end()
    await settle()

    assert (await world.kinds()).count("turn-ended") == 1
    assert agent.requests("session/cancel") == []
    assert desk.closed == ([SESSION] if how == "close" else [])


async def test_off_costs_nothing_and_changes_no_answer(world: World, agent: FakeAgent):
    desk = world.automation = Desk(is_on=False)
    client = await prompted(world, agent)

    assert client.reply("2")["result"] == DONE | {"_meta": {"agent": 1}}
    assert desk.orders == {}
    assert "answered" not in await world.kinds()


async def test_a_prompt_may_ask_for_it_where_it_is_off_and_say_no_where_it_is_on(
    world: World, agent: FakeAgent, desk: Desk
):
    desk.is_on = False
    await prompted(world, agent, automation={"issue": True})
    assert desk.order.wish.is_wanted
    assert desk.order.wish.issue is not None

    desk.is_on = True
    client = world.client()
    await client.attach()
    await client.request("5", "session/prompt", prompt=[], _meta={"lumilink": {"automation": False}})
    desk.end(0)
    await settle()
    agent.answer("session/prompt", DONE)
    await settle()
    assert [order.wish.is_wanted for order in desk.orders.values()] == [True, False]


async def test_a_wish_that_cannot_be_is_refused(world: World, desk: Desk):
    client = await world.opened_client()
    await client.request("2", "session/prompt", prompt=[], _meta={"lumilink": {"automation": 7}})

    assert client.code("2") == "invalid-params"


@pytest.mark.parametrize(
    "answer", [{"stopReason": "max_tokens"}, {"stopReason": "cancelled"}, {"stopReason": "refusal"}]
)
async def test_a_turn_that_did_not_come_to_its_end_has_no_run(
    world: World, agent: FakeAgent, desk: Desk, answer: dict[str, str]
):
    client = await world.opened_client()
    await client.prompt("2")
    agent.answer("session/prompt", answer)
    await settle()

    assert client.reply("2")["result"] == answer
    assert desk.orders == {}


async def test_an_agent_that_dies_meanwhile_takes_nothing_with_it(world: World, agent: FakeAgent, desk: Desk):
    client = await prompted(world, agent)
    agent.die()
    await settle()
    desk.end()
    await settle()

    assert told(client)["status"] == "success"


async def test_a_process_that_ends_meanwhile_loses_neither_the_answer_nor_the_run(
    world: World, agent: FakeAgent, desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    one = await prompted(world, agent)
    order = desk.order
    again = FakeAgent()
    there = World(again, before=world)
    monkeypatch.setattr(port, "dial", again.dial)
    successor = there.automation = Desk()
    await there.take_up()
    await settle()
    assert successor.order == order
    client = await there.client(again=one).come_again(one, b"2")
    successor.end()
    await settle()

    assert told(client)["status"] == "success"
    outcomes = [one["outcome"] for one in await there.noted("turn-ended")]
    assert outcomes == ["completed"]
    assert successor.loaded == [(SESSION, 0)]
    await there.end()


async def test_a_worker_that_stops_answers_with_what_the_agent_said(
    world: World, agent: FakeAgent, desk: Desk
):
    client = await prompted(world, agent)
    await world.system.stop(5.0)

    assert told(client)["status"] == "pending"


# ---------------------------------------------------------------------- news, requests, approval


def news(seq: int, kind: NewsKind = NewsKind.SKIPPED) -> AutomationNews:
    about: dict[str, str | int | float | bool | None] = {"skipReason": "repo-blocked"}
    return AutomationNews(News(seq, SESSION, kind, "Skipped it.", "It was skipped: blocked.", "id", about))


@pytest.mark.parametrize("kind", NewsKind)
async def test_news_are_a_toast_and_an_entry_of_the_transcript(world: World, desk: Desk, kind: NewsKind):
    client = await world.opened_client()
    world.connection.tell(news(4, kind))
    await settle()

    [notice] = client.told("_lumilink/notice")
    assert (notice["kind"], notice["entry"], notice["toast"]) == (kind.value, "automation", "Skipped it.")
    assert (notice["message"], notice["summaryId"]) == ("It was skipped: blocked.", "id")
    assert notice["skipReason"] == "repo-blocked"


async def test_news_are_told_once_also_over_processes(
    world: World, agent: FakeAgent, desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    client = await world.opened_client()
    for seq in (4, 4, 3, 6):
        world.connection.tell(news(seq))
    await settle()
    assert len(client.notices()) == 2
    again = FakeAgent()
    there = World(again, before=world)
    monkeypatch.setattr(port, "dial", again.dial)
    there.automation = successor = Desk()
    await there.take_up()
    there.connection.tell(news(6))
    there.connection.tell(news(7))
    await settle()

    assert successor.loaded == [(SESSION, 6)]
    assert (await there.kinds()).count("notice") == 3
    await there.end()


async def test_a_client_may_ask_for_a_run(world: World, desk: Desk):
    client = await world.opened_client()
    await client.request("2", "_lumilink/automation/run", title="By hand", issue=True)
    assert (desk.order.turn, desk.order.wish.title) == (0, "By hand")
    desk.end()
    await settle()

    assert cast("Any", client.reply("2"))["result"]["status"] == "success"
    await client.request("3", "_lumilink/automation/run", title=7)
    assert client.code("3") == "invalid-params"


async def test_an_observer_may_not(world: World, desk: Desk):
    await world.opened_client()
    observer = await world.observer().attach(AttachMode.LOAD)
    await observer.request("2", "_lumilink/automation/run")

    assert observer.code("2") == "observer-only"
    assert desk.orders == {}


async def test_a_caller_over_http_is_told_soon_and_a_repeat_is_the_same_run(world: World, desk: Desk):
    await world.opened_client()
    run = RunAutomation(SESSION, "key", _wish())
    first = await world.connection.ask(run, 10.0)
    desk.end()
    second = await world.connection.ask(run, 10.0)

    assert b'"pending"' in cast("bytes", first)
    assert b'"success"' in cast("bytes", second)
    assert len(desk.orders) == 1


def _wish() -> Any:
    from actors.automation.order import Wish

    return Wish(is_wanted=True)


ASKING = AskApproval(SESSION, f"{SESSION}/turn/1", "Keep the items", "+++ b/cart.py")


async def asked(world: World) -> Client:
    client = await world.opened_client()
    world.connection.tell(ASKING)
    await settle()
    return client


@pytest.mark.parametrize(("option", "ok"), [("push", True), ("leave", False)])
async def test_people_are_asked_with_the_changes_before_them(
    world: World, agent: FakeAgent, desk: Desk, option: str, ok: bool
):
    client = await asked(world)
    [question] = client.questions()
    params = cast("Any", question["params"])
    assert params["sessionId"] == SESSION
    assert "+++ b/cart.py" in params["toolCall"]["content"][0]["content"]["text"]
    world.connection.tell(ASKING)
    await settle()
    assert len(client.questions()) == 1
    await client.answer(question["id"], {"outcome": {"outcome": "selected", "optionId": option}})

    assert desk.said == [(ASKING.key, ok)]
    assert agent.answers() == []


async def test_they_may_answer_over_http_and_while_the_agent_is_away(
    world: World, agent: FakeAgent, desk: Desk
):
    client = await asked(world)
    agent.die()
    await settle()
    result = b'{"outcome":{"outcome":"selected","optionId":"push"}}'
    question_id = str(client.questions()[0]["id"])
    await world.connection.ask(DecideQuestion(SESSION, question_id, result), 1.0)
    await settle()

    assert desk.said == [(ASKING.key, True)]


async def test_whom_nobody_answers_is_told_no(world: World, desk: Desk):
    await asked(world)
    await asyncio.sleep(world.settings.question_ttl_s + 1.0)

    assert desk.said == [(ASKING.key, False)]
