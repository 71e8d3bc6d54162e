"""Analytics reach a real Apache Kafka: in order, with ids, and none is lost however the broker ends."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
from support.kafka_server import JAVA, KafkaServer, KafkaServerError
from support.waiting import becomes_true
from unit.projector.projector_world import TENANT, World

aiokafka = pytest.importorskip("aiokafka")
from aiokafka import TopicPartition  # noqa: E402 - where there is one
from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # noqa: E402
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType  # noqa: E402

from actors.analytics.kafka import KafkaSender  # noqa: E402
from actors.analytics.relay import Relay  # noqa: E402
from actors.analytics.settings import AnalyticsSettings  # noqa: E402
from actors.records import RecordStore, StreamBatch, migrate  # noqa: E402
from actors.records.outgoing import Outgoing, OutgoingBox, put_out  # noqa: E402

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(120, func_only=True),
    pytest.mark.skipif(JAVA is None, reason="needs java 17 (apt-get install openjdk-17-jre-headless)"),
]

SOON_S: Final = 40.0
SMALL: Final = 20_000


class NotingStore(RecordStore):
    """Notes what it has written to the outbox."""

    written: list[Outgoing]

    async def apply_all(self, batches: Sequence[StreamBatch]) -> list[bool]:
        taken = await super().apply_all(batches)
        for batch, was_taken in zip(batches, taken, strict=True):
            self.written += batch.messages if was_taken else ()
        return taken


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    try:
        server = KafkaServer(tmp_path_factory.mktemp("kafka"))
    except KafkaServerError as error:
        pytest.skip(f"Kafka cannot be brought: {error}")
    with server:
        yield server


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[NotingStore]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'records.db'}"
    await migrate(url)
    store = await NotingStore.open(url)
    assert isinstance(store, NotingStore)
    store.written = []
    yield store
    await store.close()


@pytest.fixture
def settings(kafka: KafkaServer, request: pytest.FixtureRequest) -> AnalyticsSettings:
    """Topics of each test's own."""
    return AnalyticsSettings(kafka.servers, topic_prefix=request.node.name)


async def work(world: World, rounds: Sequence[int], sessions: int = 4) -> None:
    """Turns of some sessions, two to a workspace, are projected, round by round."""
    for number in rounds:
        for n in range(sessions):
            script = world.session(f"s{number}-{n}", workspace_id=f"repo-{n // 2}").connected()
            await script.turn().prompt("go").chunk("done").ended().save(closed=True)
        await world.project()


async def arrived(settings: AnalyticsSettings, count: int) -> list[tuple[str, str, bytes]]:
    """What is in both topics: key, id and body, in the order of each partition."""
    consumer = aiokafka.AIOKafkaConsumer(
        f"{settings.topic_prefix}.events.v1",
        f"{settings.topic_prefix}.metrics.v1",
        bootstrap_servers=settings.servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    found: list[tuple[str, str, bytes]] = []
    try:
        async with asyncio.timeout(SOON_S):
            ends: dict[TopicPartition, int] = await consumer.end_offsets(consumer.assignment())
            while sum(ends.values()) > len(found):
                for group in (await consumer.getmany(timeout_ms=500)).values():
                    found += (
                        (one.key.decode(), dict(one.headers)["id"].decode(), one.value) for one in group
                    )
    finally:
        await consumer.stop()
    assert len(found) >= count
    return found


def by_key(messages: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """The ids of each key, each where it comes first."""
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for key, message_id in messages:
        found[key][message_id] = None
    return {key: list(ids) for key, ids in found.items()}


async def test_what_happened_arrives_once_and_in_the_order_of_its_workspace(
    store: NotingStore, settings: AnalyticsSettings
) -> None:
    world, sender = World(store), KafkaSender(settings)
    relay = Relay(OutgoingBox(store.database), sender, window=50)
    world.outgoing = relay.filled
    await work(world, range(3))

    while await relay.step():
        pass
    await sender.aclose()

    found = await arrived(settings, len(store.written))
    assert sorted(one[1] for one in found) == sorted(one.message_id for one in store.written)
    for topic in ("events", "metrics"):
        wanted = by_key([(one.key, one.message_id) for one in store.written if one.topic == topic])
        told = [
            (key, one) for key, one, body in found if ("event" in json.loads(body)) == (topic == "events")
        ]
        assert by_key(told) == wanted
    bodies = [json.loads(one[2]) for one in found]
    ended = [one for one in bodies if one.get("event") == "turn-ended"]
    assert len(ended) == 12
    assert {one["installationId"] for one in bodies} == {TENANT}
    assert sum(one["value"] for one in bodies if one.get("metricType") == "acp-turns") == 12
    assert (await OutgoingBox(store.database).figures()).waiting == 0


async def test_a_broker_that_is_killed_and_comes_back_has_missed_nothing(
    kafka: KafkaServer, store: NotingStore, settings: AnalyticsSettings
) -> None:
    world, box = World(store), OutgoingBox(store.database)
    relay = Relay(box, KafkaSender(settings), window=20)
    world.outgoing = relay.filled
    running = asyncio.create_task(relay.run())
    await work(world, range(5))
    assert await becomes_true(lambda: relay.figures().sent >= 40, SOON_S)

    kafka.kill()
    await work(world, range(5, 10))
    waiting = (await box.figures()).waiting
    assert waiting > 0
    await asyncio.to_thread(kafka.start)
    assert await becomes_true(lambda: relay.figures().sent >= len(store.written), SOON_S)

    assert (await box.figures()).waiting == 0
    running.cancel()
    await asyncio.wait([running])
    found = await arrived(settings, len(store.written))
    assert {one[1] for one in found} == {one.message_id for one in store.written}
    # What came twice is the very same, and nothing overtook what was before it.
    assert len(set(found)) == len(store.written)
    events = [(key, one) for key, one, body in found if "event" in json.loads(body)]
    assert by_key(events) == by_key(
        [(one.key, one.message_id) for one in store.written if one.topic == "events"]
    )


async def test_what_is_too_large_is_set_aside_and_can_be_sent_again(
    store: NotingStore, settings: AnalyticsSettings
) -> None:
    topic, box = f"{settings.topic_prefix}.events.v1", OutgoingBox(store.database)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.servers)
    await admin.start()
    limit = {"max.message.bytes": str(SMALL)}
    await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=limit)])
    large = Outgoing("events", "large", "acme/repo", "turn-ended", json.dumps({"x": "y" * 2 * SMALL}))
    small = [Outgoing("events", f"small-{n}", "acme/repo", "turn-ended", "{}") for n in range(30)]
    async with store.database.transaction() as connection:
        await put_out(connection, [("acme", "acme/s1", [*small[:10], large, *small[10:]])])
    sender = KafkaSender(settings)
    relay = Relay(box, sender)

    while await relay.step():
        pass

    assert (relay.figures().sent, relay.figures().refused) == (30, 1)
    [dead] = await box.dead_letters(10)
    assert (dead.message_id, dead.reason) == ("large", "MessageSizeTooLargeError")
    larger = {"max.message.bytes": str(10 * SMALL)}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, larger)])
    await admin.close()
    assert await box.replay("acme") == 1
    while await relay.step():
        pass
    await sender.aclose()
    consumer = aiokafka.AIOKafkaConsumer(
        topic, bootstrap_servers=settings.servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    async with asyncio.timeout(SOON_S):
        ids = [dict((await consumer.getone()).headers)["id"].decode() for _ in range(31)]
    await consumer.stop()
    assert ids == [*(one.message_id for one in small), "large"]
    assert (await box.figures()).dead == 0


async def test_messages_wait_while_there_is_no_broker(store: NotingStore) -> None:
    world = World(store)
    box = OutgoingBox(store.database)
    relay = Relay(box, KafkaSender(AnalyticsSettings("127.0.0.1:9")))
    world.outgoing = relay.filled
    await work(world, range(1))

    running = asyncio.create_task(relay.run())
    assert await becomes_true(lambda: relay.figures().oldest_s > 0, SOON_S)

    assert relay.figures().waiting == len(store.written)
    assert (await box.figures()).waiting == len(store.written)
    running.cancel()
    await asyncio.wait([running])
