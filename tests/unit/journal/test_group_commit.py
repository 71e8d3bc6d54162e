"""What waits in a worker's streams goes together, in order, and is told only when it is committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from unit.journal.conformance import payloads
from unit.journal.sources import Source

from actors.errors import (
    FenceRefusedError,
    JournalUnavailableError,
    SettingsError,
)
from actors.journal import (
    AppendResult,
    GroupWriter,
    Refused,
    StreamAppend,
    WriterLimits,
    WriterState,
)
from actors.journal.memory import MemoryJournal

SOON_S = 2.0
QUICK = WriterLimits(first_retry_s=0.001, last_retry_s=0.002)


class GatedJournal(MemoryJournal):
    """Commits when its gate is open; before that it fails as often as ``failures`` says."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.failures: list[Exception] = []
        self.batches: list[list[StreamAppend]] = []
        self.commit_first = False

    async def append(self, batch: Sequence[StreamAppend]) -> Sequence[AppendResult]:
        self.batches.append(list(batch))
        self.asked.set()
        await self.gate.wait()
        if self.failures:
            if self.commit_first:
                await super().append(batch)
            raise self.failures.pop(0)
        return await super().append(batch)


@dataclass
class World:
    journal: GatedJournal
    told: list[AppendResult] = field(default_factory=list)
    states: list[WriterState] = field(default_factory=list)
    pressed: list[bool] = field(default_factory=list)
    writers: list[GroupWriter] = field(default_factory=list)

    def writer(self, limits: WriterLimits = QUICK) -> GroupWriter:
        writer = GroupWriter(
            self.journal, limits, self.states.append, self.pressed.append, chance=lambda: 0.0
        )
        self.writers.append(writer)
        return writer

    def sources(self, writer: GroupWriter, *names: str) -> list[Source]:
        return [Source(name, writer, self.told) for name in names]

    async def block(self, writer: GroupWriter) -> Source:
        """Let a first commit be under way, that ends when the gate opens."""
        self.journal.gate.clear()
        (first,) = self.sources(writer, "first")
        first.say("x")
        await soon(self.journal.asked.wait)
        return first

    def names(self) -> list[str]:
        return [result.stream for result in self.told]

    def sizes(self) -> list[dict[str, int]]:
        """How many entries of which stream each commit had."""
        return [{one.stream: len(one.entries) for one in batch} for batch in self.journal.batches]


async def soon(wait: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        await wait()  # type: ignore[misc] # a coroutine


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World(GatedJournal())
    yield world
    world.journal.gate.set()
    for writer in world.writers:
        await writer.close(0.0)


async def test_what_comes_during_a_commit_goes_together_in_the_next(world: World):
    writer = world.writer()
    await world.block(writer)
    s, t = world.sources(writer, "s", "t")
    s.say("a")
    t.say("x")
    s.say("b", "c")

    world.journal.gate.set()
    assert await writer.close(SOON_S) == 0

    assert world.sizes() == [{"first": 1}, {"s": 3, "t": 1}]
    assert world.names() == ["first", "s", "t"]
    assert payloads(await world.journal.read("s", 0)) == ["a", "b", "c"]
    statistics = writer.statistics()
    assert (statistics.commits, statistics.appends) == (2, 3)
    assert (statistics.waiting_entries, statistics.waiting_bytes) == (0, 0)


async def test_what_a_source_adds_during_its_commit_goes_into_the_next(world: World):
    writer = world.writer()
    first = await world.block(writer)
    (s,) = world.sources(writer, "s")
    s.say("a")
    first.say("y", "z")

    world.journal.gate.set()
    assert await writer.close(SOON_S) == 0

    assert world.sizes() == [{"first": 1}, {"s": 1, "first": 2}]
    assert payloads(await world.journal.read("first", 0)) == ["x", "y", "z"]


async def test_a_record_alone_is_committed(world: World):
    writer = world.writer()
    (s,) = world.sources(writer, "s")
    s.describe(b"record")

    assert await writer.close(SOON_S) == 0

    head = await world.journal.head("s")
    assert head is not None
    assert (head.meta, head.last_seq) == (b"record", 0)
    assert world.names() == ["s"]


async def test_nothing_is_told_before_it_is_committed(world: World):
    writer = world.writer()
    await world.block(writer)
    await asyncio.sleep(0)

    assert world.told == []
    assert writer.statistics().waiting_entries == 1


async def test_all_are_told_before_the_next_commit_is_gathered(world: World):
    writer = world.writer()

    class Talkative(Source):
        """Answers each commit but the last with another entry."""

        def told(self, result: AppendResult) -> None:
            super().told(result)
            if len(self.results) < 3:
                self.say("again")

    talkative = [Talkative(name, writer) for name in ("s", "t")]
    for source in talkative:
        source.say("a")
    while len(talkative[1].results) < 3:
        await asyncio.sleep(0)

    assert world.sizes() == [{"s": 1, "t": 1}] * 3


async def test_a_commit_takes_no_more_than_its_limits(world: World):
    writer = world.writer(WriterLimits(commit_entries=5))
    await world.block(writer)
    for source in world.sources(writer, "s", "t", "u"):
        source.say("a", "b")
    (long,) = world.sources(writer, "long")
    long.say(*"abcdefgh")

    world.journal.gate.set()
    await writer.close(SOON_S)

    assert world.sizes() == [{"first": 1}, {"s": 2, "t": 2}, {"u": 2}, {"long": 8}]


async def test_a_commit_takes_no_more_bytes_than_its_limit(world: World):
    writer = world.writer(WriterLimits(commit_bytes=1000))
    await world.block(writer)
    for source in world.sources(writer, "s", "t", "u"):
        source.say("x" * 400)

    world.journal.gate.set()
    await writer.close(SOON_S)

    assert world.sizes() == [{"first": 1}, {"s": 1, "t": 1}, {"u": 1}]


async def test_an_unavailable_store_gets_the_same_commit_again_until_it_works(world: World):
    world.journal.failures = [JournalUnavailableError("gone"), JournalUnavailableError("gone")]
    writer = world.writer()
    s, t = world.sources(writer, "s", "t")
    s.say("a", "b")
    t.say("x")

    assert await writer.close(SOON_S) == 0

    assert world.journal.batches[0] == world.journal.batches[1] == world.journal.batches[2]
    assert len(world.journal.batches) == 3
    assert world.names() == ["s", "t"]
    assert world.states == [WriterState.DEGRADED, WriterState.HEALTHY, WriterState.CLOSED]
    assert writer.statistics().retries == 2


async def test_a_commit_whose_answer_was_lost_is_not_written_twice(world: World):
    world.journal.failures = [JournalUnavailableError("the answer was lost")]
    world.journal.commit_first = True
    writer = world.writer()
    (s,) = world.sources(writer, "s")
    s.say("a", "b")

    assert await writer.close(SOON_S) == 0

    assert not any(isinstance(result, Refused) for result in world.told)
    assert (await world.journal.read("s", 0)).last_seq == 2


async def test_a_refusal_is_told_to_its_stream_alone(world: World):
    await world.journal.acquire("w", "worker-1", 60.0)
    writer = world.writer()
    late, mine = Source("s", writer, fence=0), Source("t", writer, fence=1)
    late.say("a")
    mine.say("x")

    await writer.close(SOON_S)

    (refused,), (taken,) = late.results, mine.results
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, FenceRefusedError)
    assert not isinstance(taken, Refused)
    assert writer.statistics().refused == 1


async def test_pressure_is_told_before_the_writer_is_full(world: World):
    writer = world.writer(WriterLimits(waiting_entries=4))
    await world.block(writer)
    (s,) = world.sources(writer, "s")
    assert world.pressed == []
    s.say("a")
    assert (world.pressed, writer.is_full) == ([True], False)
    s.say("b", "c")
    assert writer.is_full

    s.say("d")  # what an agent has said is never refused

    world.journal.gate.set()
    assert await writer.close(SOON_S) == 0
    assert world.pressed == [True, False]
    assert not writer.is_full
    assert payloads(await world.journal.read("s", 0)) == ["a", "b", "c", "d"]


async def test_pressure_ends_only_when_half_of_its_mark_is_left(world: World):
    marks: list[tuple[bool, int]] = []
    writer = GroupWriter(
        world.journal,
        WriterLimits(waiting_entries=8, commit_entries=1),
        on_pressed=lambda pressed: marks.append((pressed, writer.statistics().waiting_entries)),
    )
    world.writers.append(writer)
    for source in world.sources(writer, *"abcdef"):
        source.say("x")

    await writer.close(SOON_S)

    assert marks == [(True, 4), (False, 1)]


async def test_bytes_that_wait_make_a_writer_full(world: World):
    writer = world.writer(WriterLimits(waiting_bytes=1000))
    await world.block(writer)
    (s,) = world.sources(writer, "s")
    s.say("x" * 998)
    assert not writer.is_full
    s.describe(b"y")
    assert writer.is_full

    world.journal.gate.set()
    await writer.close(SOON_S)
    assert not writer.is_full
    assert world.pressed == [True, False]


class Broken(Source):
    """Fails wherever it can."""

    def __init__(self, name: str, writer: GroupWriter, fails_on: str) -> None:
        super().__init__(name, writer)
        self._fails_on = fails_on

    def take(self) -> StreamAppend:
        if self._fails_on == "take":
            raise LookupError(self.name)
        return super().take()

    def told(self, result: AppendResult) -> None:
        raise LookupError(self.name)


@pytest.mark.parametrize("fails_on", ["take", "told"])
async def test_a_source_that_fails_is_logged_and_hurts_no_other(
    world: World, caplog: pytest.LogCaptureFixture, fails_on: str
):
    writer = world.writer()
    (t,) = world.sources(writer, "t")
    Broken("s", writer, fails_on).say("a")
    t.say("x")

    assert await writer.close(SOON_S) == 0

    assert world.names() == ["t"]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [LookupError]
    assert writer.statistics().waiting_bytes == 0


async def test_a_close_in_vain_ends_at_its_deadline_and_says_what_is_left(world: World):
    writer = world.writer()
    await world.block(writer)
    (s,) = world.sources(writer, "s")
    s.say("a", "b")

    assert await writer.close(0.01) == 3

    assert world.told == []
    with pytest.raises(JournalUnavailableError):
        s.say("c")


async def test_a_store_that_breaks_the_contract_ends_the_writer(world: World):
    world.journal.failures = [LookupError("a bug")]
    writer = world.writer()
    (s,) = world.sources(writer, "s")
    s.say("a")

    assert await writer.close(SOON_S) == 1

    assert world.states == [WriterState.FAILED]
    with pytest.raises(JournalUnavailableError, match="failed"):
        s.say("b")


@pytest.mark.parametrize(
    "wrong",
    [{"waiting_entries": 0}, {"commit_bytes": 0}, {"pressed_share": 0.0}, {"first_retry_s": 3.0}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, float]):
    with pytest.raises(SettingsError):
        WriterLimits(**wrong)  # type: ignore[arg-type] # wrong on purpose
