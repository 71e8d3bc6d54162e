"""What is told by many processes is one text, with names that do not pile up."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.counted import read

from actors import errors
from actors.metrics import catalogue, client
from actors.metrics.client import MetricsClient
from actors.metrics.gathering import SILENT_S, Gathering, Report
from actors.metrics.meters import Meters
from actors.metrics.metric import Role


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gathering(clock: Clock) -> Gathering:
    return Gathering(clock)


def report(role: Role, key: str, process: str, updates: int = 0) -> Report:
    meters = Meters()
    meters.watch(catalogue.UPDATES, lambda: updates)
    return Report(role, key, process, meters.families(process))


def worker(number: int, updates: int) -> Report:
    name = f"worker-{number}"
    return report(Role.WORKER, name, name, updates)


def test_the_lines_of_a_metric_are_together_whoever_tells_them(gathering: Gathering):
    gathering.take(worker(0, 3))
    gathering.take(worker(1, 4))

    text = gathering.text()
    assert text.count("# TYPE lumilink_updates_total counter") == 1
    names = [family.name for family in text_string_to_metric_families(text)]
    assert len(names) == len(set(names))
    assert read(text, "lumilink_updates_total") == 7
    assert read(text, "lumilink_updates_total", process="worker-1") == 4


def test_the_last_word_of_a_process_counts(gathering: Gathering):
    gathering.take(worker(0, 3))
    gathering.take(worker(0, 5))

    assert read(gathering.text(), "lumilink_updates_total") == 5


def test_who_falls_silent_is_shown_no_more(gathering: Gathering, clock: Clock):
    gathering.take(worker(0, 3))
    clock.now = SILENT_S
    assert read(gathering.text(), catalogue.AGE_SECONDS.name, process="worker-0") == SILENT_S
    clock.now = SILENT_S + 1.0
    assert gathering.text() == ""


def test_those_without_a_name_get_the_lowest_that_is_free(gathering: Gathering, clock: Clock):
    def asks(key: str) -> str:
        return gathering.take(Report(Role.INGRESS, key))

    assert [asks("a"), asks("b"), asks("a")] == ["ingress-0", "ingress-1", "ingress-0"]
    clock.now = SILENT_S
    assert gathering.take(report(Role.INGRESS, "b", "ingress-1")) == "ingress-1"
    clock.now += 1.0
    assert asks("c") == "ingress-0"


def test_a_name_without_lines_is_not_shown(gathering: Gathering):
    gathering.take(Report(Role.INGRESS, "a"))

    assert gathering.text() == ""


def test_names_are_kept_over_a_restart_of_the_actor(gathering: Gathering):
    assert gathering.take(report(Role.INGRESS, "b", "ingress-1", 2)) == "ingress-1"
    assert gathering.take(Report(Role.INGRESS, "c")) == "ingress-0"


def test_a_name_that_another_has_is_not_taken(gathering: Gathering):
    gathering.take(report(Role.INGRESS, "a", "ingress-0", 2))

    assert gathering.take(report(Role.INGRESS, "b", "ingress-0", 9)) == "ingress-1"
    assert read(gathering.text(), "lumilink_updates_total") == 2


async def test_a_process_asks_for_its_name_and_then_tells(monkeypatch: pytest.MonkeyPatch):
    gathering, told = Gathering(), asyncio.Event()

    async def take(_client: MetricsClient, report: Report) -> str:
        name = gathering.take(report)
        if report.families:
            told.set()
        return name

    monkeypatch.setattr(MetricsClient, "take", take)
    task = client.start_telling(Role.REPORTING)
    async with asyncio.timeout(5.0):
        await told.wait()
    task.cancel()
    await asyncio.wait((task,))

    assert read(gathering.text(), "lumilink_process_start_time_seconds", process="reporting-0") > 0


async def test_without_a_metrics_actor_a_process_goes_on_and_looks_again(monkeypatch: pytest.MonkeyPatch):
    tries: list[Report] = []
    twice = asyncio.Event()

    async def take(_client: MetricsClient, report: Report) -> str:
        tries.append(report)
        if len(tries) > 1:
            twice.set()
        raise errors.WorkerUnavailableError("the metrics actor does not answer")

    monkeypatch.setattr(MetricsClient, "take", take)
    monkeypatch.setattr(client, "AWAY_S", 0.001)
    task = client.start_telling(Role.POOL, "pool")
    async with asyncio.timeout(5.0):
        await twice.wait()
    assert not task.done()
    task.cancel()
    await asyncio.wait((task,))
