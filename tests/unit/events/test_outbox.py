"""Who has something to tell never waits, and what is told is told in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest
from feed_world import event

from actors import errors
from actors.events import outbox as outbox_module
from actors.events.contract import LiveEvent
from actors.events.outbox import DROPPED, Outbox


class Feed:
    """What was posted; ``failures`` are raised first."""

    def __init__(self) -> None:
        self.batches: list[list[LiveEvent]] = []
        self.failures: list[errors.LumiLinkError] = []
        self.is_away = False

    @property
    def ids(self) -> list[str]:
        return [one.id for batch in self.batches for one in batch]

    async def post(self, events: Sequence[LiveEvent]) -> None:
        if self.failures or self.is_away:
            raise self.failures.pop(0) if self.failures else errors.WorkerUnavailableError("away")
        self.batches.append(list(events))


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
async def outbox(feed: Feed) -> AsyncIterator[Outbox]:
    outbox = Outbox(feed.post)
    running = asyncio.get_running_loop().create_task(outbox.run())
    yield outbox
    running.cancel()
    await asyncio.wait((running,))


async def test_events_go_in_order_and_in_batches(outbox: Outbox, feed: Feed):
    outbox.put([event(number) for number in range(450)])
    await asyncio.sleep(1.0)

    assert feed.ids == [f"e{number}" for number in range(450)]
    assert [len(batch) for batch in feed.batches] == [200, 200, 50]


async def test_a_post_is_repeated_until_it_is_taken(outbox: Outbox, feed: Feed):
    feed.failures = [errors.WorkerUnavailableError("away"), errors.JournalUnavailableError("full")]
    outbox.put([event(1)])
    await asyncio.sleep(60.0)
    outbox.put([event(2)])
    await asyncio.sleep(1.0)

    assert feed.ids == ["e1", "e2"]


async def test_what_is_refused_for_good_holds_up_nobody(outbox: Outbox, feed: Feed):
    feed.failures = [errors.InternalError("broken")]
    outbox.put([event(1)])
    await asyncio.sleep(1.0)
    outbox.put([event(2)])
    await asyncio.sleep(1.0)

    assert feed.ids == ["e2"]


async def test_when_too_much_waits_the_feed_says_how_much_was_dropped_and_alerts_still_get_in(
    outbox: Outbox, feed: Feed, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outbox_module, "MAX_WAITING", 5)
    monkeypatch.setattr(outbox_module, "MAX_ORDINARY", 3)
    feed.is_away = True
    outbox.put([event(number) for number in range(10)])
    outbox.put([event(number) for number in range(90, 99)], urgent=True)
    assert len(outbox) == 5
    feed.is_away = False
    await asyncio.sleep(60.0)

    assert feed.ids[:5] == ["e0", "e1", "e2", "e90", "e91"]
    [dropped] = [one for batch in feed.batches for one in batch if one.name == DROPPED]
    assert json.loads(dropped.data)["events"] == 14
