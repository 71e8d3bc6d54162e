"""Agents start as memory allows, and nobody is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.agents import room as room_module
from actors.agents.memory import Memory, measured
from actors.agents.room import EXPECTED_BYTES, AgentRoom
from actors.errors import AgentMemoryError

MB = 1024 * 1024
DEADLINE_S = 5.0


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "_LOOK_S", 0.001)


class Machine:
    """10 GB; agents of ``size`` take what they are told to."""

    def __init__(self, available: int) -> None:
        self.available = available
        self.order: list[str] = []
        self.told: list[int] = []

    def memory(self) -> Memory:
        return Memory(10_000 * MB, self.available)

    async def start(
        self, room: AgentRoom, name: str, installation: str = "a", deadline_s: float = DEADLINE_S
    ) -> None:
        async with room.starting(name, "claude", installation, deadline_s, self.told.append):
            self.order.append(name)


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0.001)


def never(_before: int) -> None:
    raise AssertionError("nobody should wait")


async def test_an_agent_starts_at_once_where_there_is_memory():
    room = AgentRoom(memory=Machine(5000 * MB).memory)
    for name in ("one", "two"):
        async with room.starting(name, "claude", "a", DEADLINE_S, never):
            pass
    assert room.waiting == 0


async def test_what_starts_just_now_is_set_aside_until_it_has_started():
    machine = Machine(1000 * MB + 2 * EXPECTED_BYTES)  # 1,000 MB are left alone
    room = AgentRoom(memory=machine.memory)
    async with AsyncExitStack() as starting:
        for name in ("one", "two"):
            await starting.enter_async_context(room.starting(name, "claude", "a", DEADLINE_S, never))
        third = asyncio.create_task(machine.start(room, "three"))
        await turns()
        assert (room.waiting, machine.order, machine.told) == (1, [], [0])

    await asyncio.wait_for(third, DEADLINE_S)
    assert machine.order == ["three"]


async def test_a_machine_without_memory_still_runs_one_agent():
    room = AgentRoom(memory=Machine(0).memory)
    async with room.starting("one", "claude", "a", DEADLINE_S, never):
        pass
    with pytest.raises(AgentMemoryError, match="340 MB"):
        async with room.starting("two", "claude", "a", 0.02, lambda _: None):
            pass

    room.gone("one")
    async with room.starting("two", "claude", "a", DEADLINE_S, never):
        pass


async def test_an_agent_that_could_not_start_leaves_nothing_behind():
    room = AgentRoom(memory=Machine(0).memory)
    for _ in range(3):
        with pytest.raises(OSError, match="no such command"):
            async with room.starting("one", "claude", "a", DEADLINE_S, never):
                raise OSError("no such command")


async def test_installations_are_served_by_turns():
    machine = Machine(0)
    room = AgentRoom(memory=machine.memory)
    await machine.start(room, "first")
    async with asyncio.TaskGroup() as group:
        for name in ("a1", "a2", "a3", "b1", "c1", "b2"):
            group.create_task(machine.start(room, name, name[0]))
            await asyncio.sleep(0)
        await turns()
        assert machine.order == ["first"]
        machine.available = 9000 * MB

    assert machine.order[1:] == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert machine.told == [0, 1, 2, 3, 4, 5]


async def test_the_agent_that_has_rested_longest_makes_room_first():
    machine = Machine(9000 * MB)
    room = AgentRoom(memory=machine.memory)
    asleep: list[str] = []

    def sleeper(name: str) -> Callable[[], None]:
        def let_sleep() -> None:
            asleep.append(name)
            if len(asleep) == 2:
                machine.available = 9000 * MB

        return let_sleep

    for name in ("one", "two", "three", "four"):
        await machine.start(room, name)
        room.rests(name, sleeper(name))
    room.works("one")
    room.rests("two", sleeper("two"))
    machine.available = 0
    await asyncio.wait_for(machine.start(room, "five"), DEADLINE_S)

    assert asleep == ["three", "four"]


async def test_agents_that_were_measured_count_as_what_they_take():
    machine = Machine(1000 * MB + 60 * MB)
    room = AgentRoom(memory=machine.memory)
    await machine.start(room, "one")
    room.note_size("claude", 40 * MB)

    async with room.starting("two", "claude", "a", DEADLINE_S, never):
        pass
    with pytest.raises(AgentMemoryError):
        async with room.starting("three", "another kind", "a", 0.01, lambda _: None):
            pass


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=12))
async def test_whoever_gives_up_hinders_nobody(asked: list[tuple[str, bool]]):
    machine = Machine(0)
    room = AgentRoom(memory=machine.memory)
    await machine.start(room, "first")
    tasks = []
    for number, (installation, _) in enumerate(asked):
        tasks.append(asyncio.create_task(machine.start(room, f"{number}", installation)))
        await asyncio.sleep(0)
    for task, (_, gives_up) in zip(tasks, asked, strict=True):
        if gives_up:
            task.cancel()
    await asyncio.sleep(0)
    machine.available = 9000 * MB
    await asyncio.wait(tasks, timeout=DEADLINE_S)

    stayed = [f"{number}" for number, (_, gives_up) in enumerate(asked) if not gives_up]
    assert sorted(machine.order[1:]) == sorted(stayed)
    assert room.waiting == 0


def test_a_containers_limit_counts_where_it_is_lower(tmp_path: Path):
    (tmp_path / "memory.max").write_text(f"{512 * MB}\n")
    (tmp_path / "memory.current").write_text(f"{300 * MB}\n")
    (tmp_path / "memory.stat").write_text(f"anon {200 * MB}\ninactive_file {50 * MB}\n")

    assert measured(tmp_path) == Memory(512 * MB, 262 * MB)


def test_a_machine_without_a_limit_is_measured_itself(tmp_path: Path):
    (tmp_path / "memory.max").write_text("max\n")
    found = measured(tmp_path)

    assert 0 < found.available < found.total
    assert measured(tmp_path / "nothing there").total == found.total
