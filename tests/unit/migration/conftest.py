"""Worlds that are put away after each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from steering_world import Begin, World

from actors.migration.policy import Policy


@pytest.fixture
async def begin() -> AsyncIterator[Begin]:
    """Make a world with these sessions; with ``before``, one that goes on with its journal."""
    worlds: list[World] = []

    async def made(*sessions: str, policy: Policy | None = None, before: World | None = None) -> World:
        world = World(policy) if before is None else await before.killed()
        worlds.append(world)
        return await world.start(*sessions)

    yield made
    for world in worlds:
        await world.end()
