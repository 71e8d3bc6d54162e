"""What a replica knows of API keys, and how it learns that one was revoked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from actors.errors import RightsUnavailableError
from serve.rights.api_keys import ApiKey, mint
from serve.rights.endings import Endings
from serve.rights.key_book import FRESH_S, MAX_KNOWN, POLL_S, TRUSTED_S, KeyBook
from serve.rights.roles import Role


class Rows:
    """The store: counts what it is asked, and may be away."""

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}
        self.is_away = False
        self.reads = 0
        self.polls = 0

    def add(self) -> str:
        key, _ = mint("acme", "ann", [Role.USER])
        self.keys[key.key_id] = key
        return key.key_id

    def revoke(self, key_id: str) -> None:
        self.keys[key_id] = replace(self.keys[key_id], revoked_at=datetime.now(UTC))

    async def find(self, key_id: str) -> ApiKey | None:
        self.reads += 1
        self._check()
        return self.keys.get(key_id)

    async def revoked_since(self, moment: datetime) -> list[str]:
        self.polls += 1
        self._check()
        return [one.key_id for one in self.keys.values() if one.revoked_at and one.revoked_at > moment]

    def _check(self) -> None:
        if self.is_away:
            raise RightsUnavailableError("away")


class World:
    def __init__(self) -> None:
        self.now = 0.0
        self.rows = Rows()
        self.endings = Endings()
        self.book = KeyBook(self.rows, self.endings, lambda: self.now)

    async def poll(self) -> None:
        """One round of ``run``, which sleeps then."""
        before = self.rows.polls
        task = asyncio.create_task(self.book.run())
        while self.rows.polls == before:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def world() -> World:
    return World()


def test_revocations_are_asked_for_often_enough_to_close_streams_within_five_seconds():
    assert POLL_S <= 2.0


async def test_a_key_is_read_once_and_known_then(world: World):
    key_id = world.rows.add()

    assert world.book.known(key_id) is None
    assert await world.book.find(key_id) == world.rows.keys[key_id]
    assert await world.book.find(key_id) == world.rows.keys[key_id]
    assert world.book.known(key_id) == world.rows.keys[key_id]
    assert world.rows.reads == 1


async def test_a_key_is_read_again_after_a_minute(world: World):
    key_id = world.rows.add()
    await world.book.find(key_id)

    world.now = FRESH_S + 1
    await world.book.find(key_id)

    assert world.rows.reads == 2


async def test_a_key_that_is_not_there_is_none_and_is_not_remembered(world: World):
    assert await world.book.find("0" * 16) is None
    assert await world.book.find("0" * 16) is None
    assert world.rows.reads == 2


async def test_a_revoked_key_is_forgotten_and_its_streams_are_told(world: World):
    key_id = world.rows.add()
    key = await world.book.find(key_id)
    assert key is not None
    stream = asyncio.create_task(world.endings.wait(key.identity()))
    await asyncio.sleep(0)

    world.rows.revoke(key_id)
    await world.poll()

    assert world.book.known(key_id) is None
    assert await stream == "the API key was revoked"
    again = await world.book.find(key_id)
    assert again is not None
    assert again.refusal(datetime.now(UTC)) == "the API key was revoked"


async def test_a_store_that_is_away_is_replaced_by_what_is_known_for_a_minute_and_then_nobody_is_let_in(
    world: World,
):
    key_id, unknown = world.rows.add(), world.rows.add()
    await world.book.find(key_id)
    world.rows.is_away = True

    world.now = TRUSTED_S
    assert await world.book.find(key_id) == world.rows.keys[key_id]
    with pytest.raises(RightsUnavailableError):
        await world.book.find(unknown)

    world.now = TRUSTED_S + 1
    assert world.book.known(key_id) is None
    with pytest.raises(RightsUnavailableError):
        await world.book.find(key_id)


async def test_a_store_that_comes_back_is_believed_again(world: World):
    key_id = world.rows.add()
    await world.book.find(key_id)
    world.rows.is_away = True
    world.now = TRUSTED_S + 1
    await world.poll()

    world.rows.is_away = False
    await world.poll()

    assert await world.book.find(key_id) == world.rows.keys[key_id]


async def test_polling_keeps_what_is_known_trusted(world: World):
    key_id = world.rows.add()
    await world.book.find(key_id)
    world.now = FRESH_S
    await world.poll()

    assert world.book.known(key_id) is not None


async def test_what_is_known_is_bounded(world: World):
    first = world.rows.add()
    await world.book.find(first)
    for _ in range(MAX_KNOWN):
        await world.book.find(world.rows.add())

    assert world.book.known(first) is None
