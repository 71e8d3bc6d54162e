"""Pages of allowed origins may read AgentAPI's answers; nothing else is opened by it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from serve.reporting.app import app
from serve.reporting.origin import rules
from serve.reporting.records.source import records

PAGE = "https://editor.example"


@pytest.fixture
async def browser(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setattr(rules(), "allowed_origins", (PAGE,))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client
    # Some of what is asked for here reads records.
    await records().close()


async def test_a_browser_that_asks_first_is_told_what_the_page_may_send(browser: httpx.AsyncClient) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    answer = await browser.options("/sessions/x/message", headers=asked)

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/sessions/schemas/OkBody.json", "/sessions/nothing/at/all"])
async def test_the_page_may_read_answers_and_refusals(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path, headers={"Origin": PAGE})

    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/sessions/x/status", "https://evil.example"),
        ("/sessions/x/status", "null"),
        ("/sessionsandmore", PAGE),
        ("/api/v1/sessions", PAGE),
    ],
)
async def test_no_other_page_and_no_other_path_is_opened(
    browser: httpx.AsyncClient, path: str, origin: str
) -> None:
    for method in ("GET", "OPTIONS"):
        answer = await browser.request(method, path, headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.status_code >= 400
