"""An agent that went away by itself is brought back by itself, while somebody watches."""

import asyncio

from session_world import NOTHING_YET, FakeAgent, World

from actors import errors
from actors.connection.reconnecting import ReconnectPolicy

POLICY = ReconnectPolicy(first_delay_s=1.0, max_delay_s=30.0, attempts=3)
IN_TIME_S = 200.0


async def test_an_agent_is_brought_back_by_itself_while_somebody_watches(world: World, resuming: FakeAgent):
    world.set(reconnect=POLICY)
    client = await world.opened_client()
    resuming.die()
    await asyncio.sleep(IN_TIME_S)

    assert resuming.dials == 2
    assert client.notices() == ["agent-closed", "agent-back"]


async def test_nothing_is_tried_while_nobody_watches(world: World, resuming: FakeAgent):
    client = await world.opened_client()
    await client.leave()
    resuming.die()
    await asyncio.sleep(IN_TIME_S)
    assert resuming.dials == 1
    again = await world.client().attach()
    await again.prompt("2")

    assert resuming.dials == 2


async def test_after_all_attempts_it_is_left_to_the_next_prompt(world: World, resuming: FakeAgent):
    def refuse() -> None:
        raise errors.AgentUnreachableError("nobody there")

    world.set(reconnect=POLICY)
    client = await world.opened_client()
    resuming.die()
    resuming.on_dial = refuse
    await asyncio.sleep(IN_TIME_S)
    assert resuming.dials == 1 + POLICY.attempts
    assert client.notices() == ["agent-closed", "agent-lost"]
    resuming.on_dial = lambda: None
    await client.prompt("2")

    assert len(resuming.requests("session/prompt")) == 1


async def test_an_agent_that_dies_at_each_start_is_not_started_for_ever(world: World, resuming: FakeAgent):
    world.set(reconnect=POLICY)
    client = await world.opened_client()

    def die_at_once() -> None:
        asyncio.get_running_loop().call_soon(resuming.die)

    resuming.die()
    resuming.replies["initialize"] = NOTHING_YET
    resuming.on_dial = die_at_once
    await asyncio.sleep(IN_TIME_S)

    assert resuming.dials == 1 + POLICY.attempts
    assert client.notices() == ["agent-closed", "agent-lost"], "it did not end anew"
