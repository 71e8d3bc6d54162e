"""The journal on a real Redis keeps the contract, and what a server can do to it does no harm."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.redis_server import BINARY, RedisServer
from unit.journal.conformance import AppendConformance, ReadConformance, append, payloads, written
from unit.journal.model import run_against_model, steps
from unit.journal.placement_conformance import PlacementConformance
from unit.journal.sources import Source

pytest.importorskip("redis")
if BINARY is None:
    pytest.skip("redis-server is not installed", allow_module_level=True)

from hypothesis import HealthCheck, given, settings

from actors.errors import JournalUnavailableError, SettingsError
from actors.journal.contract import Appended
from actors.journal.group_commit import GroupWriter
from actors.journal.group_limits import WriterLimits, WriterState
from actors.journal.redis import RedisJournal

SOON_S = 10.0


class RedisStore:
    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.journal: RedisJournal

    async def start(self) -> RedisStore:
        self.journal = await RedisJournal.open(self.server.url)
        return self

    async def reopen(self) -> None:
        await self.journal.close()
        await self.start()

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def command(self, *words: str) -> None:
        """A command that is none of the journal's."""
        process = await asyncio.create_subprocess_exec(
            "redis-cli", "-p", str(self.server.port), *words, stdout=asyncio.subprocess.DEVNULL
        )
        assert await process.wait() == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def mortal(tmp_path: Path) -> AsyncIterator[RedisStore]:
    """A store on a server of its own that may be killed.

    It syncs always: with everysec and a slow disk a server answers before it has written, so that even a kill
    can take what it acknowledged.
    """
    with RedisServer(tmp_path, appendfsync="always") as server:
        store = await RedisStore(server).start()
        yield store
        await store.journal.close()


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    store = await RedisStore(server).start()
    await store.command("FLUSHALL")
    yield store
    await store.journal.close()


class TestAppends(AppendConformance):
    pass


class TestReads(ReadConformance):
    pass


class TestPlacements(PlacementConformance):
    pass


@given(steps=steps)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_sequence_of_steps_ends_as_in_the_model(server: RedisServer, steps: list[object]):
    async def run() -> None:
        store = await RedisStore(server).start()
        await store.command("FLUSHALL")
        await run_against_model(store, steps)
        await store.journal.close()

    asyncio.run(run())


async def test_functions_that_the_server_lost_are_loaded_again(store: RedisStore):
    await store.command("FUNCTION", "FLUSH")

    await written(store.journal, append("s", 1, "a"))

    await store.command("FUNCTION", "FLUSH")
    assert payloads(await store.journal.read("s", 0)) == ["a"]


async def test_a_killed_server_is_told_and_its_commits_are_there_again(mortal: RedisStore):
    await written(mortal.journal, append("s", 1, "a"))
    mortal.server.kill()
    try:
        with pytest.raises(JournalUnavailableError):
            await mortal.journal.append([append("s", 2, "b")])
        with pytest.raises(JournalUnavailableError):
            await mortal.journal.read("s", 0)
    finally:
        mortal.server.start()

    await written(mortal.journal, append("s", 2, "b"))
    assert payloads(await mortal.journal.read("s", 0)) == ["a", "b"]


async def test_a_server_that_does_not_answer_is_given_up_at_the_deadline(
    server: RedisServer, store: RedisStore
):
    impatient = await RedisJournal.open(server.url, timeout_s=0.5)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(JournalUnavailableError, match="did not answer"):
            await impatient.append([append("stalled", 1, "a")])
    finally:
        os.kill(server.pid, signal.SIGCONT)

    # Whether the first attempt arrived or not: it is there once.
    await written(store.journal, append("stalled", 1, "a"))
    assert payloads(await store.journal.read("stalled", 0)) == ["a"]
    await impatient.close()


async def test_a_cancelled_command_does_not_mix_up_the_next_answers(store: RedisStore):
    await written(store.journal, append("s", 1, "a"), append("t", 1, "x"))
    for turns in range(50):
        doomed = asyncio.create_task(store.journal.read("s", 0))
        for _ in range(turns % 10):
            await asyncio.sleep(0)
        doomed.cancel()
        assert payloads(await store.journal.read("t", 0)) == ["x"]


async def test_a_full_server_refuses_for_now(store: RedisStore):
    await store.command("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(JournalUnavailableError, match="OOM"):
            await store.journal.append([append("s", 1, "a")])
    finally:
        await store.command("CONFIG", "SET", "maxmemory", "0")

    await written(store.journal, append("s", 1, "a"))


async def test_a_writer_outlives_the_server_without_loss_or_doubling(mortal: RedisStore):
    states: list[WriterState] = []
    writer = GroupWriter(mortal.journal, WriterLimits(commit_entries=20, last_retry_s=0.2), states.append)
    sources = [Source(f"s{number}", writer) for number in range(30)]
    for turn in range(1, 21):
        for source in sources:
            source.say(f"{turn}")
        await asyncio.sleep(0)
        if turn % 5 == 0:
            await asyncio.to_thread(mortal.server.kill)
            await asyncio.to_thread(mortal.server.start)
    assert await writer.close(SOON_S) == 0
    assert WriterState.DEGRADED in states

    await mortal.reopen()
    for source in sources:
        assert all(isinstance(result, Appended) for result in source.results)
        page = await mortal.journal.read(source.name, 0)
        assert payloads(page) == [f"{turn}" for turn in range(1, 21)]


async def test_nothing_is_listening_is_told_at_opening():
    with pytest.raises(JournalUnavailableError):
        await RedisJournal.open("redis://127.0.0.1:1/0", timeout_s=1.0)


async def test_a_wrong_password_reaches_no_error_text(server: RedisServer):
    url = f"redis://user:canary-secret@127.0.0.1:{server.port}/0"

    with pytest.raises(JournalUnavailableError) as caught:
        await RedisJournal.open(url)

    assert "canary" not in f"{caught.value!r} {caught.value}"
    with pytest.raises(SettingsError) as wrong:
        await RedisJournal.open("http://user:canary-secret@127.0.0.1/")
    assert "canary" not in f"{wrong.value!r} {wrong.value}"


async def test_a_server_that_syncs_now_and_then_cannot_keep_disk_durability(
    server: RedisServer, store: RedisStore
):
    if await _has_waitaof(store):
        pytest.skip("this server can wait for its append-only file")
    with pytest.raises(SettingsError, match="appendfsync always"):
        await RedisJournal.open(server.url, "disk")

    await store.command("CONFIG", "SET", "appendfsync", "always")
    journal = await RedisJournal.open(server.url, "disk")
    await written(journal, append("s", 1, "a"))
    await journal.close()
    await store.command("CONFIG", "SET", "appendfsync", "everysec")


async def test_a_server_that_can_wait_for_its_file_keeps_disk_durability(
    server: RedisServer, store: RedisStore
):
    if not await _has_waitaof(store):
        pytest.skip("this server is older than 7.2 and has no WAITAOF")
    journal = await RedisJournal.open(server.url, "disk")
    await written(journal, append("s", 1, "a"))
    await journal.close()


async def _has_waitaof(store: RedisStore) -> bool:
    process = await asyncio.create_subprocess_exec(
        "redis-cli",
        "-p",
        str(store.server.port),
        "COMMAND",
        "INFO",
        "WAITAOF",
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    return b"waitaof" in output
