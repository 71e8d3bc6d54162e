"""A feed on each store: what one life of the events actor wrote, the next one goes on with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from feed_world import ALERT, alert_event, event, feeds_on, numbers_in
from support.redis_server import BINARY, RedisServer

from actors.journal.contract import Journal
from actors.journal.redis import RedisJournal
from actors.journal.sqlite import SqliteJournal


@pytest.fixture(params=["sqlite", "redis"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    opened: Journal
    if request.param == "sqlite":
        opened = await SqliteJournal.open(tmp_path / "journal.db")
        yield opened
        await opened.close()
        return
    if BINARY is None:
        pytest.skip("redis-server is not installed")
    with RedisServer(tmp_path / "redis") as server:
        opened = await RedisJournal.open(server.url)
        yield opened
        await opened.close()


async def test_the_next_life_goes_on_and_doubles_nothing(journal: Journal):
    first = feeds_on(journal, "gw:events:1", ("webhook",))
    await first.post([event(1), event(2), alert_event("opened"), event(3, "a {strange}/name")])

    second = feeds_on(journal, "gw:events:2", ("webhook",))
    await second.post([event(2), alert_event("opened"), event(4), event(5, "a {strange}/name")])

    page = await second.read("acme", 0, 0.0)
    assert [found.name for found in page.events] == [
        "worker:joined",
        "worker:joined",
        "capacity-alert:opened",
        "worker:joined",
    ]
    assert await numbers_in(second, "a {strange}/name") == [3, 5]
    assert [alert.alert_id for alert in await second.open_alerts()] == [ALERT.alert_id]
    assert [delivery.key for _, delivery in await second.untold("webhook")] == ["a1:opened"]


async def test_a_feed_that_is_closed_is_free_at_once_for_another_gateway(journal: Journal):
    first = feeds_on(journal, "gw:events:1")
    await first.post([event(1)])
    await first.close()

    other = feeds_on(journal, "other:events:1")
    await other.post([event(2)])

    assert await numbers_in(other) == [1, 2]
