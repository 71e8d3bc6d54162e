"""However a worker's socket ends, its runner hears of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec import convert
from starlette.types import Message
from starlette.websockets import WebSocket
from unit.runners.test_meeting import Socket

from actors.jobs.models import Job
from actors.runner_link.secret import runner_token
from serve.reporting.runners import sockets

SECRET = "the cluster's"
JOB = {
    "jobId": "job",
    "jobType": "session",
    "status": "QUEUED",
    "agentId": "laptop",
    "parameters": {},
    "priority": 0,
    "retryCount": 0,
    "attempts": 0,
    "maxAttempts": 1,
    "leaseS": 60,
    "createdAt": "2026-03-01T12:00:00Z",
}


async def test_a_socket_whose_serving_is_cancelled_lets_the_runner_go(monkeypatch: pytest.MonkeyPatch):
    let_go: list[str] = []

    async def queue(_installation: str, _name: str) -> Job:
        return convert(JOB, Job)

    async def leave(_installation: str, job: Job) -> None:
        let_go.append(job.job_id)

    monkeypatch.setattr(sockets, "_queue", queue)
    monkeypatch.setattr(sockets, "_let_go", leave)
    sockets.use(SECRET)
    serving = asyncio.ensure_future(sockets.serve_worker(worker_socket()))
    while not sockets._place.meetings._meetings:
        await asyncio.sleep(0)
    runner = Socket()
    meeting = sockets._place.meetings.find("job")
    running = asyncio.ensure_future(meeting.serve_runner(runner.receive, runner.send))
    assert await runner.next() == b"h 0"
    await runner.to_server.put(b"h 0")
    await asyncio.sleep(0.01)

    serving.cancel()

    assert await runner.next() == b"e the gateway has let the agent go"
    await asyncio.gather(serving, running, return_exceptions=True)
    assert let_go == ["job"]
    assert not sockets._place.meetings._meetings


def worker_socket() -> WebSocket:
    """That of a worker that says nothing."""
    accepted = asyncio.Event()

    async def receive() -> Message:
        if not accepted.is_set():
            return {"type": "websocket.connect"}
        await asyncio.Event().wait()
        return {}

    async def send(message: Message) -> None:
        if message["type"] == "websocket.accept":
            accepted.set()

    scope: dict[str, Any] = {
        "type": "websocket",
        "path": "/runner/agents/acme/laptop",
        "path_params": {"installation": "acme", "name": "laptop"},
        "headers": [(b"authorization", f"Bearer {runner_token(SECRET)}".encode())],
        "query_string": b"",
        "subprotocols": [],
    }
    return WebSocket(scope, receive, send)
