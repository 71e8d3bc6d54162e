"""``/metrics``: who asks gets what the metrics actor has, or a problem where there is none."""

from __future__ import annotations

import httpx
import pytest
from support.counted import counted

from actors import errors
from actors.metrics.catalogue import FAULTS
from actors.metrics.client import MetricsClient
from actors.metrics.exposition import CONTENT_TYPE
from serve.reporting.app import reporting_app
from serve.reporting.origin import rules


@pytest.fixture(autouse=True)
def anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules(), "allowed_hosts", ())


async def get() -> httpx.Response:
    transport = httpx.ASGITransport(reporting_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        return await client.get("/metrics")


async def test_the_text_is_passed_on_as_it_is(monkeypatch: pytest.MonkeyPatch):
    async def text(_client: MetricsClient) -> str:
        return "lumilink_sessions 3\n"

    monkeypatch.setattr(MetricsClient, "text", text)
    answer = await get()

    assert (answer.status_code, answer.text) == (200, "lumilink_sessions 3\n")
    assert answer.headers["content-type"] == CONTENT_TYPE


async def test_without_a_metrics_actor_the_answer_is_a_problem_and_is_counted(
    monkeypatch: pytest.MonkeyPatch,
):
    async def text(_client: MetricsClient) -> str:
        raise errors.WorkerUnavailableError("the metrics actor does not answer", 5.0)

    monkeypatch.setattr(MetricsClient, "text", text)
    before = counted(FAULTS, code="worker-unavailable", over="http")
    answer = await get()

    assert (answer.status_code, answer.json()["code"]) == (503, "worker-unavailable")
    assert counted(FAULTS, code="worker-unavailable", over="http") == before + 1
