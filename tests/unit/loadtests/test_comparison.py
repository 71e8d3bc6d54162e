"""The comparison of ACP with AgentAPI: what it counts, and what it says of it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from actors.errors import SettingsError
from loadtests import agentapi_stub
from loadtests.agentapi_stub import Conversation
from loadtests.comparison import ACP, BEGIN, END, PATHS, WORKLOADS, Trial, judge, measure, table, write_page
from loadtests.wire import Orders


def trials(*rounds: tuple[float, float]) -> list[Trial]:
    """Rounds in which ACP takes so many ms and does so many operations a second; all others 100 and 10."""
    found = []
    for number, (latency, throughput) in enumerate(rounds, start=1):
        for path in PATHS:
            for workload in WORKLOADS:
                figures = (latency, throughput) if path is ACP else (100.0, 10.0)
                found.append(Trial(path.name, workload.name, number, *figures, operations=1))
    return found


def test_the_goals_are_met_at_half_the_latency_and_thirteen_tenths_of_the_throughput():
    assert all(verdict.is_met for verdict in judge(trials((50.0, 13.0))))
    assert {verdict.text for verdict in judge(trials((50.0, 13.0)))} == {"met"}


def test_what_is_missed_is_said_with_its_amount():
    [text] = {verdict.text for verdict in judge(trials((60.0, 12.0)))}
    assert text == "missed: latency by 10 points, throughput by 10 points"


def test_the_median_of_the_rounds_counts():
    assert all(verdict.is_met for verdict in judge(trials((10.0, 20.0), (40.0, 14.0), (90.0, 1.0))))


def test_the_table_has_every_path_under_every_workload():
    text = table(trials((50.0, 13.0)))
    for workload in WORKLOADS:
        for path in PATHS:
            assert f"| {workload.name} | {path.title} |" in text


def test_the_page_keeps_what_is_around_the_marks(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_page("new", page)
    assert page.read_text() == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    page.write_text("no marks")
    with pytest.raises(SettingsError):
        write_page("new", page)


class Sleeper:
    """A user whose operations take a time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.done = 0

    async def operate(self, orders: Orders) -> None:
        self.done += 1
        await asyncio.sleep(self.seconds)


async def test_an_operation_that_is_under_way_at_the_end_counts_for_its_part():
    users = [Sleeper(0.02)]
    latency_ms, throughput, operations = await measure(users, Orders(updates=1), 0.05)
    # Three on a machine that wakes a sleeper in time.
    assert 1 <= operations <= 3
    assert latency_ms >= 20.0
    assert throughput == pytest.approx(1000 / latency_ms, rel=0.2)
    assert users[0].done == operations + 1, "one before the time began"


def statuses(queue: asyncio.Queue[bytes]) -> list[str]:
    found = []
    while not queue.empty():
        event = queue.get_nowait()
        if b"status_change" in event:
            found.append("stable" if b"stable" in event else "running")
    return found


async def test_a_terminal_is_stable_only_after_its_silence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(agentapi_stub, "SNAPSHOT_S", 0.001)
    monkeypatch.setattr(agentapi_stub, "STABLE_AFTER_S", 0.03)
    conversation = Conversation("pty")
    queue = conversation.listen()
    began = time.monotonic()
    assert await conversation.say(Orders(updates=3))
    assert conversation.status == "running"
    assert not await conversation.say(Orders(updates=1)), "it is busy"
    while conversation.status != "stable":
        await asyncio.sleep(0.001)
    assert time.monotonic() - began >= 0.03
    assert statuses(queue) == ["stable", "running", "stable"]


async def test_without_a_terminal_the_answer_comes_at_the_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(agentapi_stub, "LATE_CHUNKS_S", 0.01)
    conversation = Conversation("acp")
    queue = conversation.listen()
    assert await conversation.say(Orders(updates=3))
    assert conversation.status == "stable"
    assert statuses(queue) == ["stable", "running", "stable"]
