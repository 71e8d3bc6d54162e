"""The logs of instances over HTTP, as their contract has them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from unit.records.examples import TENANT
from unit.records_api.conftest import KnownGate
from unit.records_api.test_jobs_api import Told

from actors.instances import logs as logs_module
from actors.instances.lines import LogSource, line_of
from actors.instances.logs import InstanceLogs
from actors.records import RecordStore
from serve.reporting import telling
from serve.rights import Identity, Role


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    monkeypatch.setattr(telling, "_outbox", told)
    return told


@pytest.fixture
async def runner(client: httpx.AsyncClient) -> str:
    agent_id: str = (await client.post("/api/v1/agents", json={"name": "laptop"})).json()["agentId"]
    return agent_id


async def wrote(store: RecordStore, *messages: str, instance: str = "box") -> None:
    moment = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
    lines = [
        line_of(TENANT, instance, message, LogSource.AGENT, at=moment + 1000 * number)
        for number, message in enumerate(messages)
    ]
    await InstanceLogs(store.database).write(lines)


async def read(client: httpx.AsyncClient, instance: str = "box", **asked: object) -> list[dict[str, Any]]:
    answer = await client.get(f"/instances/{instance}/logs", params=asked)  # type: ignore[arg-type]  # texts and numbers
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()
    return entries


async def test_the_last_lines_come_oldest_first(client: httpx.AsyncClient, store: RecordStore):
    await wrote(store, *(f"line {number}" for number in range(150)))

    assert [one["message"] for one in await read(client)] == [f"line {number}" for number in range(50, 150)]
    assert [one["message"] for one in await read(client, limit=2)] == ["line 148", "line 149"]
    assert (await read(client, limit=1))[0] == {
        "timestamp": "2026-03-01T00:02:29Z",
        "level": "INFO",
        "message": "line 149",
        "source": "agent",
    }


async def test_since_a_moment_the_first_lines_come(client: httpx.AsyncClient, store: RecordStore):
    await wrote(store, *"abcd")

    found = await read(client, since="2026-03-01T00:00:01Z", limit=2)
    assert [one["message"] for one in found] == ["b", "c"]


async def test_levels_are_named_in_any_case(client: httpx.AsyncClient, store: RecordStore):
    await wrote(store, "ERROR: no disk", "fine", "WARN: slow")

    for level in ("error", "ERROR", "Error"):
        assert [one["message"] for one in await read(client, level=level)] == ["ERROR: no disk"]
    assert await read(client, level="trace") == []


async def test_an_instance_keeps_its_newest_lines_only(
    client: httpx.AsyncClient, store: RecordStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(logs_module, "KEPT_LINES", 5)
    monkeypatch.setattr(logs_module, "TRIM_EVERY", 1)
    for number in range(8):
        await wrote(store, str(number))
    await wrote(store, "x", instance="crate")

    assert [one["message"] for one in await read(client)] == ["3", "4", "5", "6", "7"]
    assert len(await read(client, "crate")) == 1


async def test_a_runner_s_lines_are_kept_and_told(client: httpx.AsyncClient, runner: str, told: Told):
    assert await read(client, runner) == []
    lines = [{"message": "WARN: slow"}, {"message": "token=ghp_" + "a1B2" * 9, "level": "debug"}]
    answer = await client.post(f"/instances/{runner}/logs", json={"lines": lines})

    assert answer.status_code == 204
    [first, second] = await read(client, runner)
    assert (first["level"], first["source"], second["level"]) == ("WARN", "runner", "DEBUG")
    assert "ghp_" not in json.dumps([second, told.named("instance:log")])
    assert [one["instanceId"] for one in told.named("instance:log")] == [runner, runner]


async def test_nobody_writes_to_the_log_of_another_s_runner_or_of_a_container(
    client: httpx.AsyncClient, runner: str, store: RecordStore, caller: KnownGate
):
    await wrote(store, "x")
    lines = {"lines": [{"message": "y"}]}
    assert (await client.post("/instances/box/logs", json=lines)).status_code == 404
    caller.identity = Identity(TENANT, "eve", frozenset({Role.RUNNER}), "")
    assert (await client.post(f"/instances/{runner}/logs", json=lines)).status_code == 403


async def test_what_makes_no_sense_is_refused(client: httpx.AsyncClient, runner: str, caller: KnownGate):
    assert (await client.get("/instances/nobody/logs")).status_code == 404
    for asked in ({"limit": 1001}, {"limit": 0}, {"level": "LOUD"}, {"since": "yesterday"}, {"x": 1}):
        answer = await client.get(f"/instances/{runner}/logs", params=asked)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-params")
    for said in ({"lines": []}, {"lines": [{"message": "x", "level": "LOUD"}]}, {}):
        assert (await client.post(f"/instances/{runner}/logs", json=said)).status_code == 400
    caller.identity = Identity("globex", "ann", frozenset(Role), "")
    assert (await client.get(f"/api/v1/instances/{runner}/logs")).status_code == 404
