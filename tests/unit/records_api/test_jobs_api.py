"""Jobs over HTTP, as their contract has them: paths, members, codes, events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from unit.records.examples import TENANT
from unit.records_api.conftest import KnownGate

from actors.events.contract import LiveEvent
from serve.reporting import telling
from serve.rights import Identity, Role

JOB = {"jobType": "backup", "parameters": {"paths": ["/srv"]}}


class Told:
    """In place of the outbox: what was put into it."""

    def __init__(self) -> None:
        self.events: list[LiveEvent] = []

    def put(self, events: Sequence[LiveEvent], *, urgent: bool = False) -> None:
        self.events += events

    def named(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(event.data) for event in self.events if event.name == name]


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    monkeypatch.setattr(telling, "_outbox", told)
    return told


@pytest.fixture
async def runner(client: httpx.AsyncClient) -> str:
    made = await client.post("/api/v1/agents", json={"name": "laptop"})
    assert made.status_code == 201
    agent_id: str = made.json()["agentId"]
    return agent_id


async def queued(client: httpx.AsyncClient, runner: str, **more: object) -> dict[str, Any]:
    answer = await client.post("/jobs", json=JOB | {"agentId": runner} | more)
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


async def claimed(client: httpx.AsyncClient, runner: str, **more: object) -> list[dict[str, Any]]:
    answer = await client.get("/jobs/poll", params={"agentId": runner, **more})  # type: ignore[dict-item]  # texts and numbers
    assert answer.status_code == 200, answer.text
    jobs: list[dict[str, Any]] = answer.json()["jobs"]
    return jobs


def of_run(run: dict[str, Any], **more: object) -> dict[str, object]:
    return {"jobId": run["jobId"], "jobRunId": run["jobRunId"], **more}


async def test_a_job_goes_from_its_queue_through_progress_to_its_end(
    client: httpx.AsyncClient, runner: str, told: Told
):
    job = await queued(client, runner)
    assert (job["status"], job["retryCount"]) == ("QUEUED", 0)
    assert not {"progressPercent", "progressMessage", "jobRunId", "startedAt", "error"} & job.keys()

    [run] = await claimed(client, runner)
    assert (run["jobId"], run["parameters"]) == (job["jobId"], JOB["parameters"])
    said = of_run(run, status="RUNNING", percent=40, message="Copying.", timestamp="2026-01-01T00:00:00Z")
    assert (await client.post("/jobs/progress", json=said)).status_code == 204
    seen = (await client.get(f"/jobs/{job['jobId']}")).json()
    assert (seen["status"], seen["progressPercent"], seen["progressMessage"]) == ("RUNNING", 40.0, "Copying.")

    end = of_run(run, status="COMPLETED", result={"files": 3})
    assert (await client.post("/jobs/complete", json=end)).status_code == 204
    seen = (await client.get(f"/jobs/{job['jobId']}")).json()
    assert (seen["status"], seen["progressPercent"], seen["result"]) == ("COMPLETED", 40.0, {"files": 3})
    [progress], [completed] = told.named("job:progress"), told.named("job:completed")
    assert (progress["jobId"], progress["percent"], progress["status"]) == (job["jobId"], 40.0, "RUNNING")
    assert (completed["jobRunId"], "completedAt" in completed) == (run["jobRunId"], True)


async def test_the_same_is_served_under_the_api_s_path(client: httpx.AsyncClient, runner: str):
    job = await queued(client, runner)

    assert (await client.get(f"/api/v1/jobs/{job['jobId']}")).json() == job
    [run] = (await client.get("/api/v1/jobs/poll", params={"agentId": runner})).json()["jobs"]
    end = of_run(run, status="CANCELLED", agentId=runner)
    assert (await client.post("/api/v1/jobs/complete", json=end)).status_code == 204


async def test_a_job_that_failed_says_why_and_can_be_retried(
    client: httpx.AsyncClient, runner: str, told: Told
):
    job = await queued(client, runner)
    [run] = await claimed(client, runner)
    end = of_run(run, status="FAILED", error="no disk", errorDetails="at copy()")
    await client.post("/jobs/complete", json=end)

    assert (await client.get(f"/jobs/{job['jobId']}")).json()["error"] == "no disk"
    assert told.named("job:failed")[0]["error"] == "no disk"
    assert (await client.post(f"/jobs/{job['jobId']}/retry")).json()["status"] == "QUEUED"
    [again] = await claimed(client, runner)
    assert (again["attempt"], again["jobRunId"] != run["jobRunId"]) == (2, True)
    assert (await client.get(f"/jobs/{job['jobId']}")).json()["retryCount"] == 1


async def test_the_same_end_twice_is_taken_and_told_once_and_another_is_a_conflict(
    client: httpx.AsyncClient, runner: str, told: Told
):
    await queued(client, runner)
    [run] = await claimed(client, runner)
    end = of_run(run, status="COMPLETED")

    answers = [(await client.post("/jobs/complete", json=end)).status_code for _ in range(2)]
    other = await client.post("/jobs/complete", json=end | {"status": "FAILED"})

    assert answers == [204, 204]
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert len(told.named("job:completed")) == 1


async def test_a_cancelled_job_is_refused_to_its_run(client: httpx.AsyncClient, runner: str, told: Told):
    job = await queued(client, runner)
    [run] = await claimed(client, runner)

    answers = [(await client.post(f"/jobs/{job['jobId']}/cancel")).json()["status"] for _ in range(2)]

    assert answers == ["CANCELLED", "CANCELLED"]
    assert [event["jobId"] for event in told.named("job:cancelled")] == [job["jobId"]]
    for path, said in (("progress", of_run(run)), ("complete", of_run(run, status="COMPLETED"))):
        assert (await client.post(f"/jobs/{path}", json=said)).status_code == 409


async def test_the_runner_of_a_job_must_be_there_and_on(client: httpx.AsyncClient, runner: str):
    await queued(client, runner)
    [run] = await claimed(client, runner)
    assert (await client.post("/jobs", json=JOB | {"agentId": "nobody"})).status_code == 404
    assert (await client.get("/jobs/poll", params={"agentId": "nobody"})).status_code == 404

    assert (await client.post(f"/api/v1/agents/{runner}/deactivate")).json()["active"] is False
    for answer in (
        await client.post("/jobs", json=JOB | {"agentId": runner}),
        await client.get("/jobs/poll", params={"agentId": runner}),
        await client.post("/jobs/progress", json=of_run(run)),
        await client.post("/jobs/complete", json=of_run(run, status="COMPLETED")),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")

    await client.post(f"/api/v1/agents/{runner}/activate")
    assert (await client.post("/jobs/progress", json=of_run(run))).status_code == 204


async def test_a_runner_registers_once_and_is_listed(client: httpx.AsyncClient, runner: str):
    again = await client.post("/api/v1/agents", json={"name": "laptop"})
    await claimed(client, runner)

    [listed] = (await client.get("/api/v1/agents")).json()["items"]
    assert (again.status_code, again.json()["agentId"]) == (200, runner)
    assert (listed["name"], listed["active"], "lastSeenAt" in listed) == ("laptop", True, True)


async def test_another_user_or_installation_does_not_speak_for_a_runner(
    client: httpx.AsyncClient, runner: str, caller: KnownGate
):
    await queued(client, runner)
    [run] = await claimed(client, runner)
    for installation, user, status in ((TENANT, "eve", 403), ("globex", "ann", 404)):
        caller.identity = Identity(installation, user, frozenset({Role.RUNNER}), "")
        assert (await client.get("/jobs/poll", params={"agentId": runner})).status_code == status
        assert (await client.post("/jobs/progress", json=of_run(run))).status_code == status


async def test_a_poll_waits_until_there_is_something(client: httpx.AsyncClient, runner: str):
    waiting = asyncio.ensure_future(claimed(client, runner, waitS=20))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    job = await queued(client, runner)

    async with asyncio.timeout(5):
        [run] = await waiting
    assert run["jobId"] == job["jobId"]


async def test_a_poll_without_a_wait_is_answered_at_once(client: httpx.AsyncClient, runner: str):
    began = time.monotonic()

    assert await claimed(client, runner) == []
    assert await claimed(client, runner, waitS=0) == []
    assert time.monotonic() - began < 1


async def test_a_poll_takes_no_more_than_it_asks_for(client: httpx.AsyncClient, runner: str):
    for _ in range(3):
        await queued(client, runner)

    assert len(await claimed(client, runner)) == 1
    assert len(await claimed(client, runner, limit=10)) == 2


async def test_progress_that_comes_fast_is_told_once_and_kept(
    client: httpx.AsyncClient, runner: str, told: Told
):
    job = await queued(client, runner)
    [run] = await claimed(client, runner)
    for percent in range(5):
        await client.post("/jobs/progress", json=of_run(run, percent=percent))

    assert len(told.named("job:progress")) == 1
    assert (await client.get(f"/jobs/{job['jobId']}")).json()["progressPercent"] == 4.0


async def test_jobs_are_listed_by_what_they_are(client: httpx.AsyncClient, runner: str):
    first = await queued(client, runner)
    await queued(client, runner, jobType="restore")
    await client.post(f"/jobs/{first['jobId']}/cancel")

    async def ids(**asked: str) -> list[str]:
        return [job["jobId"] for job in (await client.get("/jobs", params=asked)).json()["items"]]

    assert await ids(status="CANCELLED") == await ids(jobType="backup") == [first["jobId"]]
    assert len(await ids(agentId=runner)) == 2
    page = (await client.get("/jobs", params={"limit": 1})).json()
    assert len(await ids(cursor=page["nextCursor"])) == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/jobs", {"agentId": "x"}),
        ("POST", "/jobs", JOB | {"agentId": "x", "leaseS": 1}),
        ("POST", "/jobs", JOB | {"agentId": "x", "unknown": 1}),
        ("POST", "/jobs", JOB | {"parameters": []}),
        ("POST", "/jobs/progress", {"jobId": "a", "jobRunId": "b", "percent": 101}),
        ("POST", "/jobs/progress", {"jobId": "a", "jobRunId": "b", "status": "COMPLETED"}),
        ("POST", "/jobs/complete", {"jobId": "a", "jobRunId": "b", "status": "RUNNING"}),
        ("POST", "/api/v1/agents", {"name": ""}),
        ("GET", "/jobs/poll", None),
        ("GET", "/jobs/poll?agentId=x&waitS=31", None),
        ("GET", "/jobs?status=DONE", None),
    ],
)
async def test_what_makes_no_sense_is_refused_as_a_problem(
    client: httpx.AsyncClient, method: str, path: str, body: object
):
    answer = await client.request(method, path, json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-params"), answer.text


async def test_what_is_too_large_or_not_there_is_refused(client: httpx.AsyncClient, runner: str):
    large = JOB | {"agentId": runner, "parameters": {"text": "x" * 50_000}}

    assert (await client.post("/jobs", json=large)).status_code == 413
    for method, path in (("GET", "/jobs/x"), ("POST", "/jobs/x/cancel"), ("POST", "/jobs/x/retry")):
        assert (await client.request(method, path)).status_code == 404
