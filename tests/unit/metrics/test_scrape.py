"""A scrape of a worker with 1,000 sessions: no larger than of one with ten, and quick."""

from __future__ import annotations

import time

import pytest
from support.counted import read

from actors.connection.sealing import new_key
from actors.metrics.exposition import joined
from actors.storage import Storage, StorageSettings
from loadtests.bench_session import Stage
from loadtests.scrape import LIMIT_BYTES, LIMIT_S, Nobody, worker_meters


@pytest.fixture
async def storage():
    opened = await Storage.open(StorageSettings("test", seal_key=new_key()), "worker-0", Nobody())
    yield opened
    await opened.close()


async def shown(storage: Storage, sessions: int) -> tuple[str, float]:
    """What a worker with so many sessions shows, and the seconds of CPU that it took."""
    stage = Stage(storage.journal, sessions, writer=None)
    await stage.updates(sessions, 1)
    meters = await worker_meters(storage)
    begin = time.process_time()
    text = joined([meters.families("worker-0")])
    took = time.process_time() - begin
    for session, _ in stage.views:
        session.release()
    stage.channel.connection_lost(None)
    await stage.writer.close(1.0)
    return text, took


async def test_a_worker_with_a_thousand_sessions_is_scraped_in_time_and_size(storage: Storage):
    text, took = await shown(storage, 1000)

    assert took < LIMIT_S
    assert len(text.encode()) < LIMIT_BYTES / 10
    assert read(text, "lumilink_sessions", protocol="acp") >= 1000
    assert read(text, "lumilink_attachments") >= 1000


async def test_series_do_not_grow_with_sessions(storage: Storage):
    few, _ = await shown(storage, 10)
    many, _ = await shown(storage, 200)

    assert few.count("\n") == many.count("\n")


async def test_a_session_that_is_unloaded_is_counted_no_more(storage: Storage):
    before = read((await shown(storage, 1))[0], "lumilink_sessions")
    after = read((await shown(storage, 1))[0], "lumilink_sessions")

    assert after == before
