"""Observers: they are shown everything and change nothing."""

from typing import cast

import pytest
from fake_agent import FakeAgent
from session_world import SESSION, Client, World, settle

from actors import errors
from actors.connection.messages import DescribeSessions, SessionSummary
from actors.connection.roles import Role, role_of
from actors.protocol import compose
from actors.protocol.envelope import parse

ALLOW = {"outcome": {"outcome": "selected", "optionId": "yes"}}
PERMISSION = "session/request_permission"
READ = "fs/read_text_file"


def heard(agent: FakeAgent) -> int:
    return len(agent.heard)


async def observed(world: World) -> tuple[Client, Client]:
    """A driver, and an observer who has not been told anything yet."""
    driver = await world.opened_client()
    observer = await world.observer().attach()
    observer.forget()
    return driver, observer


async def test_an_observer_sees_what_happens_and_what_was(world: World, agent: FakeAgent):
    driver = await world.opened_client()
    await driver.prompt("2", "hello")
    agent.update("one")
    await settle()
    observer = await world.observer().attach()
    agent.update("two")
    agent.ask("7", PERMISSION)
    await settle()

    assert observer.story() == ["hello", "one", "=1", "two", f"?{PERMISSION}"]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("session/prompt", {"prompt": [{"type": "text", "text": "x"}]}),
        ("session/set_mode", {"modeId": "yolo"}),
        ("session/set_config_option", {"configId": "model", "value": "x"}),
        ("session/close", {}),
        ("session/delete", {}),
        ("_vendor/anything", {}),
    ],
)
async def test_a_request_of_an_observer_is_refused(
    world: World, agent: FakeAgent, method: str, params: dict[str, object]
):
    _, observer = await observed(world)
    before = heard(agent)
    await observer.request("5", method, **params)

    assert observer.code("5") == "observer-only"
    assert heard(agent) == before
    assert (await summary(world)).turn == "idle"


async def test_an_observer_cannot_cancel_a_turn(world: World, agent: FakeAgent):
    driver, observer = await observed(world)
    await driver.prompt("2")
    before = heard(agent)
    await observer.cancel()
    await observer.notify("_vendor/hint", sessionId=SESSION)

    assert heard(agent) == before
    assert [notice["code"] for notice in observer.told("_lumilink/notice")] == ["observer-only"] * 2
    assert (await summary(world)).turn == "running"


async def test_the_answer_of_an_observer_decides_nothing(world: World, agent: FakeAgent):
    driver, observer = await observed(world)
    agent.ask("7", PERMISSION)
    await settle()
    question = observer.questions()[0]["id"]
    await observer.answer(question, ALLOW)
    assert agent.answers() == []
    assert [notice["code"] for notice in observer.told("_lumilink/notice")] == ["observer-only"]
    await driver.answer(question, ALLOW)

    assert [answer["result"] for answer in agent.answers()] == [ALLOW]
    assert len(observer.told("$/cancel_request")) == 1, "it sees what was decided"


async def test_files_are_never_asked_of_an_observer(world: World, agent: FakeAgent):
    driver, observer = await observed(world)
    agent.ask("7", READ, path="/x")
    await settle()
    await driver.leave()
    assert observer.questions() == []
    second = await world.client().attach()
    await second.answer(second.questions()[0]["id"], {"content": "x"})

    assert agent.answers()[-1]["result"] == {"content": "x"}


async def test_files_wait_for_a_driver_where_only_observers_are(world: World, agent: FakeAgent):
    driver = await world.opened_client()
    await driver.leave()
    observer = await world.observer().attach()
    agent.ask("7", READ, path="/x")
    await settle()
    assert observer.questions() == []
    second = await world.client().attach()

    assert [question["method"] for question in second.questions()] == [READ]


async def test_a_driver_that_comes_back_as_an_observer_is_asked_for_files_no_more(
    world: World, agent: FakeAgent
):
    driver = await world.opened_client()
    await driver.prompt("2")
    agent.ask("7", READ, path="/x")
    await settle()
    other = await world.client().attach()
    anew = await Client(world, again=driver, role=Role.OBSERVER).attach()
    agent.ask("8", READ, path="/y")
    await settle()

    assert anew.questions() == []
    assert len(other.questions()) == 2


async def test_a_session_counts_its_drivers_and_observers(world: World, agent: FakeAgent):
    await observed(world)
    await world.observer().attach()
    found = await summary(world)

    assert found.attachments == 3
    assert found.roles == {"driver": 1, "observer": 2}


async def summary(world: World) -> SessionSummary:
    [found] = cast("list[SessionSummary]", await world.connection.ask(DescribeSessions(), 1.0))
    return found


# ---------------------------------------------------------------------- how it is said


@pytest.mark.parametrize(
    ("params", "role"),
    [
        ({}, Role.DRIVER),
        ({"_meta": None}, Role.DRIVER),
        ({"_meta": {"other": 1}}, Role.DRIVER),
        ({"_meta": {"lumilink": {"workspaceId": "w"}}}, Role.DRIVER),
        ({"_meta": {"lumilink": {"role": "driver"}}}, Role.DRIVER),
        ({"_meta": {"lumilink": {"role": "observer"}}}, Role.OBSERVER),
    ],
    ids=str,
)
def test_a_request_says_the_role(params: dict[str, object], role: Role):
    assert role_of(parse(compose.request(1, "session/load", params))) is role


@pytest.mark.parametrize("role", ["owner", "", 1, None, ["observer"]], ids=repr)
def test_a_role_that_is_none_is_refused(role: object):
    request = parse(compose.request(1, "session/load", {"_meta": {"lumilink": {"role": role}}}))
    with pytest.raises(errors.InvalidParamsError, match=r"params\._meta\.lumilink\.role"):
        role_of(request)
