"""A runner, its agent and a gateway's reporting, over real sockets on this machine: no Ray, no worker."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from support.reporting_server import KEY, served_records

from actors.agents.dial import dial
from actors.agents.link import AgentLink, DialOptions, LinkClosed
from actors.agents.target import AgentTarget
from actors.runner_link.secret import runner_token
from serve.reporting.runners import sockets
from topology.runner.gateway import RunnerGateway
from topology.runner.run import RunnerProcess, RunnerSettings
from topology.runner.session import AgentCommand

TENANT = "acme"
SECRET = "the cluster's"
ECHO = """
import sys
print("agent: here", file=sys.stderr, flush=True)
for line in sys.stdin:
    if "die" in line:
        sys.exit("no more")
    print(line, end="", flush=True)
"""


class Worker:
    """A worker's side: dials the agent of a session as the connection actor does."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed: asyncio.Future[LinkClosed] = asyncio.get_running_loop().create_future()

    async def dial(self, url: str, name: str = "laptop", secret: str = SECRET) -> AgentLink:
        gateway = url.replace("http://", "ws://")
        target = AgentTarget.parse(f"runner:{name}").met_at(gateway, runner_token(secret))
        return await dial(target.filled("", "", TENANT), self, DialOptions())

    async def next(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.frames.get()

    async def end(self) -> LinkClosed:
        async with asyncio.timeout(10):
            return await self.closed

    def agent_frame(self, frame: bytes) -> None:
        self.frames.put_nowait(frame)

    def agent_log(self, line: str) -> None:
        pass

    def agent_closed(self, closed: LinkClosed) -> None:
        self.closed.set_result(closed)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    sockets.use(SECRET)
    with served_records(tmp_path_factory.mktemp("records"), TENANT, []) as url:
        yield url


@pytest.fixture
async def api(url: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=10.0) as api:
        yield api


@pytest.fixture
async def runner(url: str, tmp_path: Path) -> AsyncIterator[RunnerProcess]:
    command = AgentCommand((sys.executable, "-c", ECHO), str(tmp_path), dict(os.environ))
    gateway = RunnerGateway(url, KEY)
    process = RunnerProcess(gateway, RunnerSettings("laptop", command, 2, 0.0))
    running = asyncio.ensure_future(process.run())
    # A session finds only a runner that is known.
    await gateway.register("laptop")
    yield process
    process.stop()
    async with asyncio.timeout(20):
        await running
    await gateway.close()


async def newest(api: httpx.AsyncClient) -> dict[str, object]:
    job: dict[str, object] = (await api.get("/jobs", params={"limit": 1})).json()["items"][0]
    return job


async def becomes(api: httpx.AsyncClient, status: str) -> dict[str, object]:
    async with asyncio.timeout(10):
        while (job := await newest(api))["status"] != status:
            await asyncio.sleep(0.05)
    return job


async def test_a_worker_talks_with_an_agent_at_a_runner_until_it_leaves(
    url: str, api: httpx.AsyncClient, runner: RunnerProcess
):
    worker = Worker()
    link = await worker.dial(url)
    for number in range(50):
        link.send(json.dumps({"id": number}).encode())
    assert [json.loads(await worker.next())["id"] for _ in range(50)] == list(range(50))
    job = await newest(api)
    assert (job["jobType"], job["status"], job["maxAttempts"]) == ("session", "RUNNING", 1)

    await link.close()
    await becomes(api, "COMPLETED")
    entries: list[dict[str, object]] = []
    async with asyncio.timeout(10):
        while not entries:
            entries = (await api.get(f"/instances/{job['agentId']}/logs")).json()
            await asyncio.sleep(0.05)
    assert entries[0]["message"] == "agent: here"


async def test_an_agent_that_ends_is_gone_for_the_worker_and_its_job_has_failed(
    url: str, api: httpx.AsyncClient, runner: RunnerProcess
):
    worker = Worker()
    link = await worker.dial(url)
    link.send(b'{"die": 1}')

    assert not (await worker.end()).clean
    assert "no more" in str((await becomes(api, "FAILED"))["error"])
    await link.close()


async def test_a_runner_that_stops_ends_its_sessions(url: str, api: httpx.AsyncClient, runner: RunnerProcess):
    worker = Worker()
    link = await worker.dial(url)
    link.send(b"{}")
    await worker.next()
    runner.stop()

    await worker.end()
    await becomes(api, "CANCELLED")
    await link.close()


async def test_a_runner_declines_what_it_cannot_do(api: httpx.AsyncClient, runner: RunnerProcess):
    [known] = (await api.get("/api/v1/agents")).json()["items"]
    await api.post("/jobs", json={"jobType": "backup", "agentId": known["agentId"]})

    assert "session" in str((await becomes(api, "FAILED"))["error"])


@pytest.mark.parametrize(("name", "secret"), [("nobody", SECRET), ("laptop", "another")])
async def test_only_workers_of_the_gateway_get_agents_and_only_of_runners_that_there_are(
    url: str, runner: RunnerProcess, name: str, secret: str
):
    from actors.errors import AgentUnreachableError

    with pytest.raises(AgentUnreachableError, match="refused"):
        await Worker().dial(url, name, secret)


async def test_a_line_is_refused_to_who_does_not_hold_the_job(
    url: str, api: httpx.AsyncClient, runner: RunnerProcess
):
    from actors.errors import AgentUnreachableError

    worker = Worker()
    link = await worker.dial(url)
    link.send(b"{}")
    await worker.next()
    job = await newest(api)
    for key, run in ((KEY, "another"), ("", str(job["jobRunId"]))):
        target = AgentTarget.parse(f"{url.replace('http', 'ws')}/runner/{job['jobId']}?run={run}")
        with pytest.raises(AgentUnreachableError, match="refused"):
            await dial(replace(target, bearer=key or None), Worker(), DialOptions())
    await link.close()
    await becomes(api, "COMPLETED")
