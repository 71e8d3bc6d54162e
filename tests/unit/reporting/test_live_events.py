"""A client gets each event once and in order, however slow it is and wherever it comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from actors import errors
from actors.events.contract import FeedPage, live_event
from actors.events.feeds import Feeds
from actors.journal.memory import MemoryJournal
from actors.placement.leases import Leases
from serve.reporting import feed_follower
from serve.reporting.feed_follower import FeedFollower, Followers, Position
from serve.reporting.live_client import LiveClient
from serve.reporting.live_messages import resumed_at

AT = 1_700_000_000_000


class Source:
    """The events actor, which can be away and counts what is read of it."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.feeds = Feeds(self.journal, Leases(self.journal, "gw:events:1", lambda _: True))
        self.is_away = False
        self.reads = 0
        self.posted = 0

    async def read(self, installation: str, after_seq: int | None, wait_s: float) -> FeedPage:
        if self.is_away:
            raise errors.WorkerUnavailableError("away")
        self.reads += 1
        return await self.feeds.read(installation, after_seq, wait_s)

    async def post(self, count: int) -> None:
        """Events with the numbers that follow."""
        for _ in range(count):
            self.posted += 1
            await self.feeds.post([live_event("n", "acme", self.posted, AT, str(self.posted))])

    async def begin_anew(self) -> None:
        """Another life of the feed."""
        await self.feeds.close()
        await self.journal.delete("!events/acme")


class Client:
    """What a client was told; its position is that of the last message with a cursor."""

    def __init__(self, follower: FeedFollower, cursor: str | None = None) -> None:
        self.live = LiveClient(follower, None if cursor is None else Position.parse(cursor))
        self.told: list[tuple[str, object]] = []
        self.cursor = cursor
        self.reading = asyncio.get_running_loop().create_task(self._read())

    @property
    def numbers(self) -> list[object]:
        return [data for name, data in self.told if name == "n"]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.told]

    async def leave(self) -> None:
        self.reading.cancel()
        await asyncio.wait((self.reading,))

    async def _read(self) -> None:
        async for message in self.live.messages():
            if message is not None:
                self.told.append((message.event, json.loads(message.text())["data"]))
                self.cursor = message.cursor or self.cursor


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
async def follower(source: Source) -> AsyncIterator[FeedFollower]:
    async with Followers(source).watch("acme") as follower:
        yield follower


async def passing(seconds: float = 1.0) -> None:
    await asyncio.sleep(seconds)


async def test_the_first_message_says_that_it_is_connected_and_nothing_else(follower: FeedFollower):
    client = Client(follower)
    await passing()

    name, data = client.told[0]
    assert name == "system:connected"
    assert isinstance(data, dict)
    assert list(data) == ["timestamp"]


async def test_who_connects_without_a_cursor_gets_what_happens_from_now_on(
    source: Source, follower: FeedFollower
):
    await source.post(2)
    client = Client(follower)
    await passing()
    await source.post(2)
    await passing()

    assert client.names == ["system:connected", "system:position", "n", "n"]
    assert client.numbers == [3, 4]


async def test_who_comes_back_with_its_cursor_misses_nothing(source: Source, follower: FeedFollower):
    first = Client(follower)
    await passing()
    await source.post(2)
    await passing()
    await first.leave()
    await source.post(3)
    second = Client(follower, first.cursor)
    await passing()

    assert (first.numbers, second.numbers) == ([1, 2], [3, 4, 5])
    assert second.names[1] == "n"


async def test_who_left_before_the_first_event_has_a_cursor_too(source: Source, follower: FeedFollower):
    first = Client(follower)
    await passing()
    await first.leave()
    await source.post(1)
    second = Client(follower, first.cursor)
    await passing()

    assert second.numbers == [1]


async def test_the_cursor_0_is_the_beginning(source: Source, follower: FeedFollower):
    await source.post(3)
    client = Client(follower, "0")
    await passing()

    assert client.numbers == [1, 2, 3]


async def test_a_client_that_resumes_goes_on_from_there_at_once(source: Source, follower: FeedFollower):
    client = Client(follower)
    await passing()
    await source.post(2)
    await passing()
    client.live.resume(Position.parse("0"))
    await passing(0.1)

    assert client.numbers == [1, 2, 1, 2]


async def test_a_client_that_is_far_behind_reads_from_the_journal(
    source: Source, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(feed_follower, "KEPT", 3)
    async with Followers(source).watch("acme") as follower:
        quick = Client(follower)
        await passing()
        await source.post(10)
        await passing()
        reads = source.reads
        slow = Client(follower, "0")
        await passing()

    assert quick.numbers == slow.numbers == list(range(1, 11))
    assert source.reads > reads


async def test_many_clients_cost_no_more_reads_than_one(source: Source, follower: FeedFollower):
    clients = [Client(follower) for _ in range(50)]
    await passing()
    before = source.reads
    await source.post(1)
    await passing()

    assert all(client.numbers == [1] for client in clients)
    assert source.reads - before <= 2


async def test_events_that_are_not_kept_any_more_are_told_as_a_gap(source: Source):
    await source.post(10)
    cursor = f"{(await source.read('acme', None, 0.0)).epoch}-2"
    await source.journal.trim("!events/acme", keep_count=4)
    async with Followers(source).watch("acme") as follower:
        client = Client(follower, cursor)
        await passing()

    assert client.names[1] == "system:gap"
    assert client.numbers == [7, 8, 9, 10]


async def test_another_life_of_the_feed_is_told_as_a_gap(source: Source, follower: FeedFollower):
    client = Client(follower)
    await passing()
    await source.post(2)
    await passing(20.0)
    await source.begin_anew()
    await source.post(1)
    await passing(20.0)

    assert client.names[-2:] == ["system:gap", "n"]
    assert client.numbers == [1, 2, 3]


async def test_a_feed_that_was_away_is_followed_on_without_a_loss(source: Source, follower: FeedFollower):
    client = Client(follower)
    await passing()
    source.is_away = True
    await passing(15.0)
    await source.post(3)
    await passing(5.0)
    source.is_away = False
    await passing(5.0)

    assert client.numbers == [1, 2, 3]


async def test_a_client_that_has_seen_more_than_this_process_waits(source: Source, follower: FeedFollower):
    await source.post(1)
    await follower.end(1.0)
    await passing()
    source.is_away = True
    await passing(15.0)
    await source.post(2)
    page = await source.feeds.read("acme", None, 0.0)
    client = Client(follower, f"{page.epoch}-3")
    await passing(5.0)
    assert client.names == ["system:connected"]
    source.is_away = False
    await passing(5.0)
    await source.post(1)
    await passing(5.0)

    assert client.numbers == [4]


async def test_a_feed_that_nobody_watches_is_not_followed(source: Source):
    followers = Followers(source)
    async with followers.watch("acme"), followers.watch("acme"):
        assert followers.watching == 2
        await passing()
    await passing(30.0)
    before = source.reads
    await passing(60.0)

    assert followers.watching == 0
    assert source.reads == before


class TestMessages:
    def test_a_client_asks_to_resume(self):
        assert resumed_at('{"event":"resume","data":{"cursor":"ab-7"}}') == Position("ab", 7)

    @pytest.mark.parametrize("text", ["", "{", "nonsense", "{'event': 1}"])
    def test_what_is_not_json_is_a_parse_error(self, text: str):
        with pytest.raises(errors.ParseError):
            resumed_at(text)

    @pytest.mark.parametrize("text", ["1", "[]", "{}", '{"event":"ping"}', '{"event":7}'])
    def test_other_messages_are_not_for_us(self, text: str):
        assert resumed_at(text) is None

    @pytest.mark.parametrize("data", ["null", "{}", '{"cursor":7}', '{"cursor":"ab"}', '{"cursor":"-1"}'])
    def test_a_cursor_that_is_none_of_ours_is_refused(self, data: str):
        with pytest.raises(errors.InvalidParamsError):
            resumed_at(f'{{"event":"resume","data":{data}}}')

    @pytest.mark.parametrize("cursor", ["0", "ab-0", f"{'f' * 64}-{'9' * 15}"])
    def test_a_cursor_is_read_as_it_is_written(self, cursor: str):
        assert str(Position.parse(cursor)) == cursor

    @pytest.mark.parametrize("cursor", ["", "1", "x-1", "ab-", "ab-1 ", "AB-1", "ab-\u0661", "0\n"])
    def test_what_is_no_cursor_is_refused(self, cursor: str):
        with pytest.raises(errors.InvalidParamsError):
            Position.parse(cursor)
