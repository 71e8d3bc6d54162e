"""Each change of a connection's state is in the streams of its sessions."""

import asyncio

from session_world import SESSION, FakeAgent, Json, World, settle

from actors.connection.reconnecting import ReconnectPolicy


async def moves(world: World, session_id: str = SESSION) -> list[tuple[object, object]]:
    return [(one["from"], one["to"]) for one in await world.noted("connection", session_id)]


async def last(world: World) -> Json:
    return (await world.noted("connection"))[-1]


async def test_a_session_begins_with_how_its_agent_was_reached(world: World, agent: FakeAgent):
    agent.offering(loadSession=True, promptCapabilities={"image": True, "audio": False})
    client = await world.client().open(container_id="web-7")
    await client.prompt("2")

    assert await moves(world) == [("disconnected", "connecting"), ("connecting", "connected")]
    told = await last(world)
    assert told["containerId"] == "web-7"
    assert (told["protocol"], told["protocolVersion"]) == ("acp", "1.0.0")
    assert told["capabilities"] == ["loadSession", "promptCapabilities.image"]
    assert str(told["lastHeartbeat"]).endswith("Z")
    assert (told["errorCode"], told["cause"]) == (None, None)


async def test_an_agent_that_dies_and_comes_back_leaves_its_trace(world: World, resuming: FakeAgent):
    world.set(reconnect=ReconnectPolicy(1.0, 2.0, 3))
    await world.opened_client()
    resuming.die("the agent exited with code 1")
    await settle()
    told = await last(world)
    assert (told["errorCode"], told["errorCategory"]) == ("agent-closed", "connection")
    assert "exited with code 1" in str(told["cause"])
    await asyncio.sleep(10.0)

    assert (await moves(world))[2:] == [
        ("connected", "error"),
        ("error", "reconnecting"),
        ("reconnecting", "connected"),
    ]


async def test_a_session_that_is_closed_has_left_its_connection(world: World, agent: FakeAgent):
    client = await world.opened_client()
    await client.request("2", "session/close")

    assert (await moves(world))[-1] == ("connected", "disconnected")


async def test_a_worker_that_stops_notes_it_before_it_does(world: World, agent: FakeAgent):
    await world.opened_client()
    await world.system.stop(1.0)

    assert (await moves(world))[-1] == ("connected", "disconnected")


async def test_a_fork_is_a_connection_of_its_own(world: World, agent: FakeAgent):
    agent.offering(sessionCapabilities={"fork": {}})
    agent.replies["session/fork"] = {"sessionId": "agent-2"}
    await world.opened_client()
    await world.client("ses_2").fork(SESSION)
    agent.die()
    await settle()

    assert await moves(world, "ses_2") == [("connecting", "connected"), ("connected", "error")]
    ids = {
        one["connectionId"] for name in (SESSION, "ses_2") for one in await world.noted("connection", name)
    }
    assert len(ids) == 2


async def test_nobody_is_shown_any_of_it(world: World, agent: FakeAgent):
    await world.opened_client()
    later = await world.client().attach()

    assert later.story() == ["=1"]


async def test_no_secret_of_an_agent_s_last_words_is_kept(world: World, agent: FakeAgent):
    secret = "ghp_" + "a1" * 20
    client = await world.opened_client()
    agent.die(f"exited: token {secret}")
    await settle()

    assert secret not in str(await world.entries())
    assert secret not in str(client.messages())
