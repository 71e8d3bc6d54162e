"""An agent that is brought back is told again of the modes and options that clients had chosen."""

from typing import cast

import pytest
from fake_agent import FakeAgent, Json
from session_world import SESSION, Client, World, settle

from actors.connection.messages import AttachMode

MODE = "session/set_mode"
OPTION = "session/set_config_option"


async def chosen(world: World, agent: FakeAgent) -> Client:
    """A client that has set a mode and an option."""
    agent.replies |= {MODE: {}, OPTION: {"configOptions": []}}
    client = await world.opened_client()
    await client.request("5", MODE, modeId="plan")
    await client.request("6", OPTION, configId="model", value="small")
    agent.heard.clear()
    return client


async def brought_back(client: Client, agent: FakeAgent) -> list[Json]:
    """The agent dies and is prompted; what modes and options it was told before that."""
    agent.die()
    await settle()
    await client.prompt("9")
    heard = [message for message in agent.heard if message["method"] in (MODE, OPTION, "session/prompt")]
    assert heard[-1]["method"] == "session/prompt"
    return [cast("Json", message["params"]) for message in heard[:-1]]


async def test_an_agent_that_begins_anew_is_told_what_was_chosen(world: World, agent: FakeAgent):
    client = await chosen(world, agent)
    agent.replies["session/new"] = {"sessionId": "agent-2", "modes": {"currentModeId": "code"}}

    assert await brought_back(client, agent) == [
        {"sessionId": "agent-2", "modeId": "plan"},
        {"sessionId": "agent-2", "configId": "model", "value": "small"},
    ]


async def test_an_agent_that_begins_anew_as_it_should_be_is_told_nothing(world: World, agent: FakeAgent):
    client = await chosen(world, agent)
    agent.replies["session/new"] = {
        "sessionId": "agent-2",
        "modes": {"currentModeId": "plan"},
        "configOptions": [{"id": "model", "currentValue": "small"}],
    }

    assert await brought_back(client, agent) == []


async def test_an_agent_that_remembers_is_left_alone(world: World, resuming: FakeAgent):
    client = await chosen(world, resuming)

    assert await brought_back(client, resuming) == []


@pytest.mark.parametrize("method", ["session/resume", "session/load"])
async def test_an_agent_that_remembers_otherwise_is_told(world: World, agent: FakeAgent, method: str):
    resumes: Json = {"sessionCapabilities": {"resume": {}}}
    agent.offering(**(resumes if method == "session/resume" else {"loadSession": True}))
    client = await chosen(world, agent)
    agent.replies[method] = {"modes": {"currentModeId": "code"}}

    assert await brought_back(client, agent) == [{"sessionId": "agent-1", "modeId": "plan"}]


async def test_an_agent_that_replays_another_mode_is_told(world: World, loading: FakeAgent):
    client = await chosen(world, loading)
    send = loading.send

    def tell(frame: bytes) -> None:
        if b'"session/load"' in frame:
            loading.say(mode_update("code"))
        send(frame)

    loading.send = tell  # type: ignore[method-assign] # an agent of this test

    assert await brought_back(client, loading) == [{"sessionId": "agent-1", "modeId": "plan"}]


async def test_what_the_agent_changed_by_itself_is_what_is_set_again(world: World, agent: FakeAgent):
    client = await chosen(world, agent)
    agent.say(mode_update("auto"))
    await settle()
    agent.replies["session/new"] = {"sessionId": "agent-2", "modes": {"currentModeId": "code"}}

    assert (await brought_back(client, agent))[0] == {"sessionId": "agent-2", "modeId": "auto"}


async def test_a_choice_that_the_agent_refused_is_none(world: World, agent: FakeAgent):
    agent.replies[MODE] = {"code": -32602, "message": "no such mode"}
    client = await world.opened_client()
    await client.request("5", MODE, modeId="plan")
    agent.heard.clear()

    assert await brought_back(client, agent) == []


async def test_who_relies_on_a_mode_that_is_not_taken_again_is_told(world: World, agent: FakeAgent):
    client = await chosen(world, agent)
    agent.replies[MODE] = {"code": -32602, "message": "no such mode"}
    await brought_back(client, agent)

    [lost] = [told for told in client.told("_lumilink/notice") if told.get("kind") == "choice-lost"]
    assert (lost["method"], lost["value"]) == (MODE, "plan")
    agent.replies[MODE] = {}
    agent.heard.clear()
    assert [params.get("configId") for params in await brought_back(client, agent)] == ["model"]


async def test_choices_outlive_the_worker(world: World, agent: FakeAgent):
    await chosen(world, agent)
    stored = await world.scope.store.find("inst", SESSION)

    assert [choice.value for choice in stored.record.choices] == ["plan", "small"]


async def test_another_worker_tells_an_agent_that_begins_anew(world: World, agent: FakeAgent):
    await chosen(world, agent)
    there = await World(agent, before=world).take_up()
    client = await there.client().attach()
    agent.replies["session/new"] = {"sessionId": "agent-2"}
    await client.prompt("9")

    assert [message["method"] for message in agent.heard][-3:] == [MODE, OPTION, "session/prompt"]
    await there.end()


async def test_a_fork_goes_on_with_what_was_chosen(world: World, agent: FakeAgent):
    agent.offering(loadSession=True, sessionCapabilities={"fork": {}})
    agent.replies["session/fork"] = {"sessionId": "agent-2"}
    await chosen(world, agent)
    await world.client("ses_2").fork(SESSION)
    stored = await world.scope.store.find("inst", "ses_2")

    assert [choice.value for choice in stored.record.choices] == ["plan", "small"]


async def test_a_client_that_loads_is_told_the_mode_of_now(world: World, agent: FakeAgent):
    await chosen(world, agent)
    for mode in (AttachMode.LOAD, AttachMode.RESUME):
        client = await world.client().attach(mode)
        result = cast("Json", client.reply("1")["result"])
        assert result["modes"] == {"currentModeId": "plan"}


def mode_update(mode_id: str) -> Json:
    update = {"sessionUpdate": "current_mode_update", "currentModeId": mode_id}
    return {
        "jsonrpc": "2.0",
        "method": "session/update",
        "params": {"sessionId": "agent-1", "update": update},
    }
