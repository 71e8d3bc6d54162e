"""Each alert is told by each channel in at most five tries, in order, and across restarts."""

from __future__ import annotations

import asyncio

import pytest
from feed_world import FailingJournal, alert_event, feeds_on
from hypothesis import given
from hypothesis import strategies as st

from actors.events.delivery import LONGEST_PAUSE_S, TRIES, Courier, NotDeliveredError, _half_to_whole, pauses
from actors.events.feeds import Feeds
from actors.events.record import Delivery


class Channel:
    """``failures`` are raised by the next attempts."""

    name = "webhook"

    def __init__(self) -> None:
        self.failures: list[NotDeliveredError] = []
        self.tried: list[str] = []
        self.times: list[float] = []

    async def deliver(self, delivery: Delivery) -> None:
        self.tried.append(delivery.key)
        self.times.append(asyncio.get_running_loop().time())
        if self.failures:
            raise self.failures.pop(0)


@pytest.fixture
async def feeds() -> Feeds:
    feeds = feeds_on(FailingJournal(), channels=("webhook",))
    await feeds.post([alert_event("opened")])
    return feeds


def courier(channel: Channel, feeds: Feeds) -> Courier:
    return Courier(channel, feeds, jitter=lambda pause: pause)


async def test_a_try_that_fails_is_repeated_after_growing_pauses(feeds: Feeds):
    channel = Channel()
    channel.failures = [NotDeliveredError("no")] * 3

    await courier(channel, feeds).deliver_all()

    assert channel.tried == ["a1:opened"] * 4
    began = channel.times[0]
    assert [round(time - began) for time in channel.times] == [0, 1, 5, 21]
    assert (await feeds.alerts("acme"))[0].notification_channels == ("toast", "webhook")


async def test_after_five_tries_it_is_given_up_and_the_next_alert_is_told(feeds: Feeds):
    channel = Channel()
    channel.failures = [NotDeliveredError("no")] * TRIES
    await feeds.post([alert_event("resolved")])

    await courier(channel, feeds).deliver_all()

    assert channel.tried == ["a1:opened"] * 5 + ["a1:resolved"]
    assert await feeds.untold("webhook") == []


async def test_what_fails_for_good_is_not_tried_again(feeds: Feeds):
    channel = Channel()
    channel.failures = [NotDeliveredError("410", lasting=True)]

    await courier(channel, feeds).deliver_all()

    assert channel.tried == ["a1:opened"]


async def test_what_a_life_of_the_actor_did_not_come_to_the_next_one_tells():
    journal = FailingJournal()
    await feeds_on(journal, "gw:events:1", ("webhook",)).post([alert_event("opened")])
    channel = Channel()

    await courier(channel, feeds_on(journal, "gw:events:2", ("webhook",))).deliver_all()

    assert channel.tried == ["a1:opened"]


async def test_an_alert_that_comes_later_is_told_when_it_comes(feeds: Feeds):
    channel = Channel()
    active = courier(channel, feeds)
    running = asyncio.get_running_loop().create_task(active.run())
    await asyncio.sleep(0.5)
    await feeds.post([alert_event("resolved")])
    active.wake()
    await asyncio.sleep(0.5)
    running.cancel()
    await asyncio.wait((running,))

    assert channel.tried == ["a1:opened", "a1:resolved"]


async def test_a_journal_that_is_away_is_waited_for():
    journal = FailingJournal()
    feeds = feeds_on(journal, channels=("webhook",))
    await feeds.post([alert_event("opened")])
    journal.failures = ["before"]
    channel = Channel()
    running = asyncio.get_running_loop().create_task(courier(channel, feeds).run())
    await asyncio.sleep(30.0)
    running.cancel()
    await asyncio.wait((running,))

    assert channel.tried == ["a1:opened"] * 2  # told twice, under one key, rather than never
    assert await feeds.untold("webhook") == []


def test_there_are_five_tries_and_no_pause_is_too_long():
    found = list(pauses())

    assert len(found) == TRIES == 5
    assert found[-1] is None
    assert all(pause is not None and pause <= LONGEST_PAUSE_S for pause in found[:-1])


@given(st.floats(0.1, 30.0))
def test_jitter_shortens_a_pause_by_half_at_most(pause: float):
    assert pause / 2 <= _half_to_whole(pause) <= pause
