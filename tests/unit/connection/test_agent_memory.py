"""Agents that are processes of ours wait for memory; those that rest give theirs to those that work."""

import asyncio
from dataclasses import replace

import pytest
from session_world import MB, Client, FakeAgent, World, settle

from actors.agents.memory import Memory
from actors.agents.target import AgentTarget

WAIT_S = 20.0
FULL = Memory(100_000 * MB, 0)


@pytest.fixture
def world(world: World) -> World:
    world.set(target=AgentTarget.parse("stdio:agent"), agent_wait_s=WAIT_S)
    return world


async def crowded(world: World) -> None:
    """Another agent of this worker runs, and memory is used up."""
    async with world.room.starting("another", "another", "others", 1.0, lambda _: None):
        world.memory = FULL


async def test_a_new_session_waits_for_memory_and_says_so(world: World, agent: FakeAgent):
    await crowded(world)
    client = await Client(world).open()
    assert (client.notices(), agent.dials) == (["agent-waits"], 0)

    world.memory = Memory(FULL.total, FULL.total)
    await asyncio.sleep(1.0)
    await settle()
    assert agent.dials == 1
    assert client.closed_by() is None


async def test_a_session_that_waits_too_long_is_refused_with_what_to_do(world: World, agent: FakeAgent):
    await crowded(world)
    client = await Client(world).open()
    await asyncio.sleep(WAIT_S + 1.0)
    await settle()

    error = client.closed_by()
    assert getattr(error, "code", None) == "agent-memory"
    assert agent.dials == 0


async def test_an_agent_elsewhere_needs_no_memory_of_ours(world: World, agent: FakeAgent):
    world.set(target=AgentTarget.parse("ws://127.0.0.1:1/acp"))
    await crowded(world)
    await Client(world).open()

    assert agent.dials == 1


async def test_an_agent_that_rests_sleeps_when_others_wait(world: World, loading: FakeAgent):
    client = await Client(world).open()
    assert not loading.closed
    world.memory = FULL
    waiting = asyncio.create_task(start_another(world))
    await asyncio.sleep(1.0)
    await settle()

    assert loading.closed
    world.memory = Memory(FULL.total, FULL.total)
    await waiting
    assert client.closed_by() is None


async def test_an_agent_with_a_turn_is_left_alone(world: World, loading: FakeAgent):
    client = await Client(world).open()
    await client.prompt("5", "work")
    world.memory = FULL
    waiting = asyncio.create_task(start_another(world))
    await asyncio.sleep(2.0)
    await settle()
    assert not loading.closed

    loading.answer("session/prompt", {"stopReason": "end_turn"})
    await asyncio.sleep(1.0)
    await settle()
    assert loading.closed
    waiting.cancel()


async def test_a_prompt_wakes_its_agent_once_there_is_memory(world: World, loading: FakeAgent):
    client = await Client(world).open()
    world.memory = FULL
    waiting = asyncio.create_task(start_another(world))
    await asyncio.sleep(1.0)
    await settle()
    world.memory = replace(FULL, available=FULL.total)
    await waiting

    world.memory = FULL
    await client.prompt("5", "again")
    assert client.notices()[-1] == "agent-waits"
    world.memory = replace(FULL, available=FULL.total)
    await asyncio.sleep(1.0)
    await settle()
    assert loading.dials == 2
    loading.answer("session/prompt", {"stopReason": "end_turn"})
    await settle()
    assert client.reply("5")["result"] == {"stopReason": "end_turn"}


async def start_another(world: World) -> None:
    async with world.room.starting("another", "another", "others", 60.0, lambda _: None):
        pass
