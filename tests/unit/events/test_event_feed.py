"""What is posted is in the feed once, in order, whichever process ends and whatever the journal does."""

from __future__ import annotations

import asyncio
import json

import pytest
from feed_world import ALERT, AT, FailingJournal, alert_event, event, feeds_on, numbers_in
from msgspec.structs import replace

from actors.connection.store import _stream_of
from actors.errors import (
    FrameTooLargeError,
    JournalUnavailableError,
    MailboxFullError,
    WorkerUnavailableError,
)
from actors.events import feed as feed_module
from actors.events import feeds as feeds_module
from actors.events.contract import (
    MAX_DATA_BYTES,
    MAX_TOAST,
    installation_of,
    live_event,
    stream_of,
    toast,
)
from actors.events.record import KEPT_ALERTS, Delivery


@pytest.fixture
def journal() -> FailingJournal:
    return FailingJournal()


async def test_what_is_posted_is_read_in_order_by_its_installation_alone(journal: FailingJournal):
    feeds = feeds_on(journal)

    await feeds.post([event(1), event(2, "other"), event(3)])
    await feeds.post([event(4)])

    assert await numbers_in(feeds) == [1, 3, 4]
    assert await numbers_in(feeds, "other") == [2]


async def test_an_event_that_is_posted_twice_is_there_once(journal: FailingJournal):
    feeds = feeds_on(journal)

    await feeds.post([event(1), event(2)])
    await feeds.post([event(2), event(3)])

    assert await numbers_in(feeds) == [1, 2, 3]


@pytest.mark.parametrize("failure", ["before", "after"])
async def test_a_post_may_be_repeated_after_a_failure_whether_or_not_it_was_done(
    journal: FailingJournal, failure: str
):
    feeds = feeds_on(journal)
    await feeds.post([event(1)])
    journal.failures = [failure]

    with pytest.raises(JournalUnavailableError):
        await feeds.post([event(2), event(3)])
    await feeds.post([event(2), event(3)])

    assert await numbers_in(feeds) == [1, 2, 3]


@pytest.mark.parametrize("failure", ["before", "after"])
async def test_the_next_life_of_the_actor_goes_on_where_the_last_one_was_killed(
    journal: FailingJournal, failure: str
):
    first = feeds_on(journal, "gw:events:1")
    await first.post([event(1)])
    journal.failures = [failure]
    with pytest.raises(JournalUnavailableError):
        await first.post([event(2)])

    second = feeds_on(journal, "gw:events:2")
    await second.post([event(2), event(3)])

    assert await numbers_in(second) == [1, 2, 3]


async def test_a_writer_that_was_replaced_cannot_write_any_more(journal: FailingJournal):
    first, second = feeds_on(journal, "gw:events:1"), feeds_on(journal, "gw:events:2")
    await first.post([event(1)])
    await second.post([event(2)])

    with pytest.raises(WorkerUnavailableError):
        await first.post([event(3)])

    assert await numbers_in(second) == [1, 2]


async def test_the_feed_of_a_live_gateway_is_not_taken_from_it(journal: FailingJournal):
    await feeds_on(journal, "gw:other:1").post([event(1)])

    with pytest.raises(WorkerUnavailableError):
        await feeds_on(journal, "gw:events:1").post([event(2)])


async def test_old_events_go_and_the_reader_can_tell(
    journal: FailingJournal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(feed_module, "KEPT_EVENTS", 5)
    monkeypatch.setattr(feed_module, "TRIM_EVERY", 10)
    feeds = feeds_on(journal)

    await feeds.post([event(number) for number in range(1, 12)])

    page = await feeds.read("acme", 2, 0.0)
    assert page.gap
    assert (page.first_kept, page.last_seq) == (7, 11)


async def test_a_reader_waits_for_the_next_event(journal: FailingJournal):
    feeds = feeds_on(journal)
    await feeds.post([event(1)])
    reading = asyncio.ensure_future(feeds.read("acme", 1, 10.0))
    await asyncio.sleep(0.0)

    await feeds.post([event(2)])

    assert [found.seq for found in (await reading).events] == [2]


async def test_who_asks_for_the_end_is_told_it_at_once(journal: FailingJournal):
    feeds = feeds_on(journal)

    before = await feeds.read("acme", None, 10.0)
    await feeds.post([event(1), event(2)])
    after = await feeds.read("acme", None, 10.0)

    assert (before.epoch, before.last_seq) == ("", 0)
    assert after.epoch != ""
    assert (after.last_seq, after.events) == (2, [])


async def test_readers_leave_room_for_who_posts(journal: FailingJournal, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feeds_module, "MAX_READING", 1)
    feeds = feeds_on(journal)
    reading = asyncio.ensure_future(feeds.read("acme", 0, 5.0))
    await asyncio.sleep(0.0)

    with pytest.raises(MailboxFullError):
        await feeds.read("acme", 0, 5.0)
    await feeds.post([event(1)])

    assert len((await reading).events) == 1


async def test_feeds_that_were_not_written_for_long_are_given_back(
    journal: FailingJournal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(feeds_module, "MAX_FEEDS", 1)
    feeds = feeds_on(journal)

    await feeds.post([event(1, "one"), event(2, "two")])

    assert await journal.lookup(stream_of("one")) is None
    assert await journal.lookup(stream_of("two")) is not None


@pytest.mark.parametrize("name", ["default", "a/b", "!events", "ünï", "%21events"])
def test_no_installation_has_sessions_where_feeds_are(name: str):
    assert installation_of(stream_of(name)) == name
    assert not _stream_of(name, "session").startswith("!")


def test_a_toast_has_at_most_140_characters():
    short = toast("acme", "x" * MAX_TOAST, {}, AT)
    cut = toast("acme", "x" * (MAX_TOAST + 1), {}, AT)

    assert json.loads(short.data)["message"] == "x" * 140
    assert json.loads(cut.data)["message"] == "x" * 139 + "…"


def test_data_of_more_than_32_kib_is_refused():
    with pytest.raises(FrameTooLargeError):
        live_event("big", "acme", "x" * MAX_DATA_BYTES, AT)


class TestAlerts:
    async def test_an_alert_is_open_until_it_is_resolved(self, journal: FailingJournal):
        feeds = feeds_on(journal)
        await feeds.post([alert_event("opened")])
        assert [alert.alert_id for alert in await feeds.open_alerts()] == ["a1"]

        await feeds.post([alert_event("resolved")])

        assert await feeds.open_alerts() == []
        [alert] = await feeds.alerts("acme")
        assert alert.resolved_at == "2026-01-01T00:10:00.000Z"
        assert (alert.notified, alert.notification_channels) == (True, ("toast",))

    async def test_alerts_outlive_the_actor(self, journal: FailingJournal):
        await feeds_on(journal, "gw:events:1").post([alert_event("opened")])

        found = await feeds_on(journal, "gw:events:2").open_alerts()

        assert found[0].active_connections == ALERT.active_connections

    async def test_each_channel_has_to_tell_each_change_once(self, journal: FailingJournal):
        feeds = feeds_on(journal, channels=("webhook", "email"))
        await feeds.post([alert_event("opened"), event(1)])
        await feeds.post([alert_event("opened"), alert_event("resolved")])

        found = await feeds.untold("webhook")

        assert [(name, delivery.key) for name, delivery in found] == [
            ("acme", "a1:opened"),
            ("acme", "a1:resolved"),
        ]
        assert len(await feeds.untold("email")) == 2

    async def test_a_channel_that_has_told_is_named_and_has_nothing_to_tell(self, journal: FailingJournal):
        feeds = feeds_on(journal, channels=("webhook",))
        await feeds.post([alert_event("opened")])
        [(name, delivery)] = await feeds.untold("webhook")

        await feeds.told(name, delivery, reached=True, at=AT)

        assert await feeds_on(journal).untold("webhook") == []
        [alert] = await feeds.alerts("acme")
        assert alert.notification_channels == ("toast", "webhook")

    async def test_a_channel_that_gave_up_is_told_in_the_feed(self, journal: FailingJournal):
        feeds = feeds_on(journal, channels=("webhook",))
        await feeds.post([alert_event("opened")])
        [(name, delivery)] = await feeds.untold("webhook")

        await feeds.told(name, delivery, reached=False, at=AT)

        assert await feeds.untold("webhook") == []
        assert [found.name for found in (await feeds.read("acme", 1, 0.0)).events] == [
            "capacity-alert:not-delivered"
        ]
        assert (await feeds.alerts("acme"))[0].notification_channels == ("toast",)

    async def test_only_so_many_resolved_alerts_are_remembered(self, journal: FailingJournal):
        feeds = feeds_on(journal)
        await feeds.post([alert_event("opened")])
        for number in range(KEPT_ALERTS + 5):
            other = replace(ALERT, alert_id=f"old-{number}")
            await feeds.post([alert_event("opened", other), alert_event("resolved", other)])

        found = await feeds.alerts("acme")

        assert len(found) == KEPT_ALERTS + 1
        assert found[0].alert_id == "a1"
        assert "old-4" not in {alert.alert_id for alert in found}


def test_the_key_of_a_delivery_is_that_of_its_alert_and_state():
    assert Delivery("webhook", "opened", ALERT).key == "a1:opened"
