"""The clients of the chaos run, before a model of a gateway: they come back, and what they record is true."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest
from model_gateway import ModelGateway, model_gateway
from verify_histories import END_TURN, Step, timeline

from loadtests.chaos.client import Client, Workplace
from loadtests.chaos.client_log import ClientLog, outcome_of
from loadtests.chaos.conversation import Driver, Pace, Watcher, staying
from loadtests.chaos.orders import Orders
from loadtests.chaos.recovery import Recoveries
from topology.verify.agent_record import AgentLine, AgentRecords
from topology.verify.client_record import ClientRecords
from topology.verify.history import Verification
from topology.verify.report import Report

AT_ONCE = Pace(0.0, 0.0, 0.0)
TEXT = Orders(updates=5).text()
SOON_S = 5.0


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ClientLog]:
    with ClientLog(tmp_path / "clients.jsonl", Recoveries()) as log:
        yield log


def driver_of(gateway: ModelGateway, log: ClientLog, name: str = "c0") -> Client:
    return Client(name, Workplace(gateway.url, "/", "w-1"), log, Random(1))


def in_time() -> asyncio.Timeout:
    return asyncio.timeout(SOON_S)


def report(gateway: ModelGateway, log: ClientLog, folder: Path) -> Report:
    """What the checker finds of all that has happened."""
    log.close()
    agents = AgentRecords([*gateway.agents, *(said(step) for step in gateway.steps if step.kind == "update")])
    verification = Verification(agents, ClientRecords.read([folder / "clients.jsonl"]))
    verification.take(timeline(gateway.steps))
    return verification.finish()


def said(step: Step) -> AgentLine:
    return AgentLine("said", "a-1", update=msgspec.Raw(msgspec.json.encode(step.body)))


async def test_what_a_client_records_of_a_quiet_gateway_is_true(tmp_path: Path, log: ClientLog) -> None:
    async with model_gateway() as gateway, in_time(), staying(driver_of(gateway, log)) as client:
        assert await client.prompt("p-1", TEXT) == END_TURN
        assert await client.prompt("p-1", TEXT) == END_TURN
        assert await client.prompt("p-2", TEXT) == END_TURN
    found = report(gateway, log, tmp_path)
    assert (found.shown, found.turns, found.received) == ([], 2, 10)


@pytest.mark.parametrize("breaks_at", [{1}, {2}, {3}, {4, 6}, {8}, {9}, set(range(1, 40))])
async def test_a_client_that_loses_its_socket_comes_back_and_misses_nothing(
    breaks_at: set[int], tmp_path: Path, log: ClientLog
) -> None:
    async with model_gateway() as gateway, in_time(), staying(driver_of(gateway, log)) as client:
        gateway.breaks_at = breaks_at
        assert await client.prompt("p-1", TEXT) == END_TURN
        assert await client.prompt("p-2", TEXT) == END_TURN
    found = report(gateway, log, tmp_path)
    assert (found.shown, found.turns) == ([], 2)


async def test_a_client_that_is_told_to_try_again_does(tmp_path: Path, log: ClientLog) -> None:
    async with model_gateway() as gateway, in_time(), staying(driver_of(gateway, log)) as client:
        gateway.refuses = 2
        assert await client.prompt("p-1", TEXT) == END_TURN
    assert log.refusals == {"worker-unavailable": 2}
    assert report(gateway, log, tmp_path).shown == []


async def test_a_client_answers_what_the_agent_asks(tmp_path: Path, log: ClientLog) -> None:
    async with model_gateway() as gateway, in_time(), staying(driver_of(gateway, log)) as client:
        gateway.asks = True
        assert await client.prompt("p-1", TEXT) == END_TURN
    assert report(gateway, log, tmp_path).shown == []


async def test_a_driver_ends_with_a_turn_and_its_watcher_has_seen_all(tmp_path: Path, log: ClientLog) -> None:
    enough = asyncio.Event()
    async with model_gateway() as gateway, in_time():
        driver = Driver(driver_of(gateway, log), AT_ONCE, enough)
        watcher = Watcher(driver, Random(2))
        async with asyncio.TaskGroup() as group:
            group.create_task(driver.run())
            group.create_task(watcher.run())
            await driver.client.attached()
            gateway.breaks_at = {7, 23}
            await driver.client.has_seen(30)
            enough.set()
        assert driver.done.is_set()
        assert watcher.done.is_set()
    assert report(gateway, log, tmp_path).shown == []


async def test_a_session_that_was_hit_goes_on_with_its_next_update(log: ClientLog) -> None:
    async with model_gateway() as gateway, in_time(), staying(driver_of(gateway, log)) as client:
        gateway.breaks_at = {5}
        log.recoveries.killed("worker")
        await client.prompt("p-1", TEXT)
        assert len(log.recoveries.seconds["worker"]) == 1
        await client.prompt("p-2", TEXT)
    assert len(log.recoveries.seconds["worker"]) == 1


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (END_TURN, "end_turn"),
        ({"error": {"code": -32603, "data": {"code": "internal"}}}, "internal"),
        ({"error": {"code": -32603}}, "-32603"),
        ({"result": None}, "unknown"),
        ({"result": 1}, "unknown"),
    ],
)
def test_an_answer_in_a_word(answer: dict[str, object], outcome: str) -> None:
    assert outcome_of(answer) == outcome
