"""Jobs for the journal's file wait for their turn, as long as their deadline allows."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from actors import errors
from actors.journal.sqlite_threads import ConnectionThreads

DEADLINE_S = 5.0
SESSIONS = 1000


class Gate:
    """Jobs that wait until the gate is opened, and count themselves."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.opened = threading.Event()
        self.done: list[int] = []

    def job(self, number: int) -> Callable[[sqlite3.Connection], int]:
        def work(_: sqlite3.Connection) -> int:
            self.began.set()
            assert self.opened.wait(DEADLINE_S)
            self.done.append(number)
            return number

        return work


@pytest.fixture
def gate() -> Gate:
    return Gate()


def in_memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", check_same_thread=False)


@pytest.fixture
async def threads(gate: Gate) -> AsyncIterator[ConnectionThreads]:
    made = ConnectionThreads("test", in_memory)
    yield made
    gate.opened.set()
    await made.close(DEADLINE_S)


async def test_a_thousand_sessions_that_read_at_once_are_all_answered(threads: ConnectionThreads, gate: Gate):
    asked = [asyncio.create_task(threads.run(gate.job(number), DEADLINE_S)) for number in range(SESSIONS)]
    await asyncio.to_thread(gate.began.wait, DEADLINE_S)
    gate.opened.set()

    assert await asyncio.gather(*asked) == list(range(SESSIONS))


async def test_jobs_are_bounded_and_one_too_many_is_told_when_to_come_back(gate: Gate):
    threads = ConnectionThreads("test", in_memory, capacity=2)
    taken = [asyncio.create_task(threads.run(gate.job(number), DEADLINE_S)) for number in range(2)]
    await asyncio.to_thread(gate.began.wait, DEADLINE_S)
    with pytest.raises(errors.JournalUnavailableError) as refused:
        await threads.run(gate.job(2), DEADLINE_S)
    assert refused.value.retry_after_s is not None
    gate.opened.set()
    assert await asyncio.gather(*taken) == [0, 1]
    await threads.close(DEADLINE_S)


async def test_a_job_that_did_not_begin_by_its_deadline_is_not_done_later(
    threads: ConnectionThreads, gate: Gate
):
    running = asyncio.create_task(threads.run(gate.job(1), DEADLINE_S))
    await asyncio.to_thread(gate.began.wait, DEADLINE_S)
    with pytest.raises(errors.JournalUnavailableError):
        await threads.run(gate.job(2), 0.01)
    gate.opened.set()
    assert await running == 1
    assert await threads.run(gate.job(3), DEADLINE_S) == 3

    assert gate.done == [1, 3]
