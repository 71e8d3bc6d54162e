"""A worker's appends go together, in order, and are told only when they are committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from unit.journal.conformance import append

from actors.errors import (
    FenceRefusedError,
    JournalBehindError,
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

    def submit(self, writer: GroupWriter, *appends: StreamAppend) -> None:
        for one in appends:
            writer.submit(one, self.told.append)

    async def block(self, writer: GroupWriter) -> None:
        """Let a first commit be under way, that ends when the gate opens."""
        self.journal.gate.clear()
        self.submit(writer, append("first", 1, "x"))
        await soon(self.journal.asked.wait)

    def names(self) -> list[str]:
        return [result.stream for result in self.told]


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
    world.submit(writer, append("s", 1, "a"), append("t", 1, "x"), append("s", 2, "b"))

    world.journal.gate.set()
    assert await writer.close(SOON_S) == 0

    assert [len(batch) for batch in world.journal.batches] == [1, 3]
    assert world.names() == ["first", "s", "t", "s"]
    statistics = writer.statistics()
    assert (statistics.commits, statistics.appends, statistics.waiting_appends) == (2, 4, 0)
    assert statistics.waiting_bytes == 0


async def test_nothing_is_told_before_it_is_committed(world: World):
    writer = world.writer()
    await world.block(writer)
    await asyncio.sleep(0)

    assert world.told == []
    assert writer.statistics().waiting_appends == 1


async def test_a_commit_takes_no_more_than_its_limits(world: World):
    writer = world.writer(WriterLimits(commit_entries=5))
    await world.block(writer)
    world.submit(writer, *(append("s", seq, "a", "b") for seq in (1, 3, 5)), append("t", 1, *"abcdefgh"))

    world.journal.gate.set()
    await writer.close(SOON_S)

    assert [sum(len(one.entries) for one in batch) for batch in world.journal.batches] == [1, 4, 2, 8]


async def test_an_unavailable_store_gets_the_same_commit_again_until_it_works(world: World):
    world.journal.failures = [JournalUnavailableError("gone"), JournalUnavailableError("gone")]
    writer = world.writer()
    world.submit(writer, append("s", 1, "a"), append("s", 2, "b"))

    assert await writer.close(SOON_S) == 0

    assert world.journal.batches[0] == world.journal.batches[1] == world.journal.batches[2]
    assert len(world.journal.batches) == 3
    assert world.names() == ["s", "s"]
    assert world.states == [WriterState.DEGRADED, WriterState.HEALTHY, WriterState.CLOSED]
    assert writer.statistics().retries == 2


async def test_a_commit_whose_answer_was_lost_is_not_written_twice(world: World):
    world.journal.failures = [JournalUnavailableError("the answer was lost")]
    world.journal.commit_first = True
    writer = world.writer()
    world.submit(writer, append("s", 1, "a"), append("s", 2, "b"))

    assert await writer.close(SOON_S) == 0

    assert not any(isinstance(result, Refused) for result in world.told)
    assert (await world.journal.read("s", 0)).last_seq == 2


async def test_a_refusal_is_told_to_its_stream_alone(world: World):
    await world.journal.acquire("w", "worker-1", 60.0)
    writer = world.writer()
    world.submit(writer, append("s", 1, "a", fence=0), append("t", 1, "x", fence=1))

    await writer.close(SOON_S)

    refused, taken = world.told
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, FenceRefusedError)
    assert not isinstance(taken, Refused)
    assert writer.statistics().refused == 1


async def test_more_than_may_wait_is_refused_and_pressure_is_told_before(world: World):
    writer = world.writer(WriterLimits(waiting_appends=4))
    await world.block(writer)
    assert world.pressed == []
    world.submit(writer, append("s", 1, "a"))
    assert world.pressed == [True]
    world.submit(writer, append("s", 2, "b"), append("s", 3, "c"))

    with pytest.raises(JournalBehindError):
        world.submit(writer, append("s", 4, "d"))

    world.journal.gate.set()
    await writer.close(SOON_S)
    assert world.pressed == [True, False]
    assert len(world.told) == 4


async def test_pressure_ends_only_when_half_of_its_mark_is_left(world: World):
    marks: list[tuple[bool, int]] = []
    writer = GroupWriter(
        world.journal,
        WriterLimits(waiting_appends=8, commit_entries=1),
        on_pressed=lambda pressed: marks.append((pressed, writer.statistics().waiting_appends)),
    )
    world.writers.append(writer)
    world.submit(writer, *(append("s", seq, "a") for seq in range(1, 7)))

    await writer.close(SOON_S)

    assert marks == [(True, 4), (False, 1)]


async def test_bytes_that_wait_are_bounded_but_one_alone_always_gets_in(world: World):
    writer = world.writer(WriterLimits(waiting_bytes=1000))
    world.submit(writer, append("large", 1, "x" * 5000))

    with pytest.raises(JournalBehindError):
        world.submit(writer, append("s", 1, "a"))

    await writer.close(SOON_S)
    assert world.names() == ["large"]


async def test_a_callback_that_fails_keeps_nobody_from_being_told(world: World):
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: failures.append(context["exception"])
    )
    writer = world.writer()

    def fail(result: AppendResult) -> None:
        raise LookupError(result.stream)

    writer.submit(append("s", 1, "a"), fail)
    world.submit(writer, append("t", 1, "x"))
    await writer.close(SOON_S)

    assert world.names() == ["t"]
    assert [type(failure) for failure in failures] == [LookupError]


async def test_a_close_in_vain_ends_at_its_deadline_and_says_what_is_left(world: World):
    writer = world.writer()
    await world.block(writer)
    world.submit(writer, append("s", 1, "a"))

    assert await writer.close(0.01) == 2

    assert world.told == []
    with pytest.raises(JournalUnavailableError):
        world.submit(writer, append("s", 2, "b"))


async def test_a_store_that_breaks_the_contract_ends_the_writer(world: World):
    world.journal.failures = [LookupError("a bug")]
    writer = world.writer()
    world.submit(writer, append("s", 1, "a"))

    assert await writer.close(SOON_S) == 1

    assert world.states == [WriterState.FAILED]
    with pytest.raises(JournalUnavailableError, match="failed"):
        world.submit(writer, append("s", 1, "a"))


@pytest.mark.parametrize(
    "wrong",
    [{"waiting_appends": 0}, {"commit_bytes": 0}, {"pressed_share": 0.0}, {"first_retry_s": 3.0}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, float]):
    with pytest.raises(SettingsError):
        WriterLimits(**wrong)  # type: ignore[arg-type] # wrong on purpose
