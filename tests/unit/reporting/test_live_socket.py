"""``/ws`` as a client meets it: one that talks nonsense, one that takes nothing, one too many."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.websockets import WebSocket

from actors.events.contract import FeedPage
from serve.reporting import live_client, live_socket
from serve.reporting.feed_follower import Followers
from serve.reporting.live_socket import SEND_S, serve_socket


class Quiet:
    """A feed in which nothing happens."""

    async def read(self, installation: str, after_seq: int | None, wait_s: float) -> FeedPage:
        if after_seq is not None:
            await asyncio.sleep(wait_s)
        return FeedPage(0, [], 1, 0, "")


class Browser:
    """The other end of a socket. ``takes`` holds back what is sent to it while it is not set."""

    def __init__(self, query: str = "", **headers: str) -> None:
        named = {"host": "127.0.0.1:8000", **headers}
        self.scope: dict[str, Any] = {
            "type": "websocket",
            "path": "/ws",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
            "subprotocols": [],
        }
        self.takes = asyncio.Event()
        self.takes.set()
        self.sent: list[dict[str, Any]] = []
        self._says: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._says.put_nowait({"type": "websocket.connect"})

    @property
    def told(self) -> list[str]:
        """The names of the messages that it got."""
        texts = [one["text"] for one in self.sent if one["type"] == "websocket.send"]
        return [json.loads(text)["event"] for text in texts]

    @property
    def close_code(self) -> int | None:
        return next((one["code"] for one in self.sent if one["type"] == "websocket.close"), None)

    def says(self, text: str) -> None:
        self._says.put_nowait({"type": "websocket.receive", "text": text})

    def leaves(self) -> None:
        self._says.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def serve(self) -> None:
        await serve_socket(WebSocket(self.scope, self._says.get, self._take))

    async def _take(self, message: Any) -> None:
        if message["type"] != "websocket.close":
            await self.takes.wait()
        self.sent.append(message)


@pytest.fixture(autouse=True)
async def followers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Followers]:
    followers = Followers(Quiet())
    for module in (live_client, live_socket):
        monkeypatch.setattr(module, "followers", lambda: followers)
    yield followers
    assert followers.watching == 0


async def test_nonsense_is_ignored_and_logged_without_what_it_was(caplog: pytest.LogCaptureFixture):
    browser = Browser()
    serving = asyncio.ensure_future(browser.serve())
    await asyncio.sleep(1.0)
    for text in ("canary", "{canary", "x" * 5000):
        browser.says(text)
    await asyncio.sleep(1.0)
    browser.leaves()
    await serving

    assert browser.told == ["system:connected", "system:position"]
    assert len([record for record in caplog.records if "ignored" in record.message]) == 3
    assert "canary" not in caplog.text


async def test_a_cursor_that_is_none_of_ours_is_told_and_the_stream_goes_on():
    browser = Browser("cursor=canary")
    serving = asyncio.ensure_future(browser.serve())
    await asyncio.sleep(1.0)
    browser.leaves()
    await serving

    assert browser.told == ["system:connected", "system:error", "system:position"]


async def test_a_client_that_takes_nothing_is_closed_as_one_that_may_come_back():
    browser = Browser()
    serving = asyncio.ensure_future(browser.serve())
    await asyncio.sleep(1.0)
    browser.takes.clear()
    browser.says('{"event":"resume","data":{"cursor":"nonsense"}}')
    await asyncio.sleep(SEND_S - 1.0)
    assert browser.close_code is None
    await asyncio.sleep(2.0)
    await serving

    assert browser.close_code == 1013


async def test_one_client_too_many_is_sent_away_for_now(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live_socket, "MAX_WATCHING", 0)
    browser = Browser()

    await browser.serve()

    assert (browser.told, browser.close_code) == ([], 1013)


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"host": "rebound.example"}])
async def test_who_comes_from_elsewhere_is_refused_before_it_is_accepted(headers: dict[str, str]):
    browser = Browser(**headers)

    await browser.serve()

    assert [one["type"] for one in browser.sent] == ["websocket.close"]
    assert browser.close_code == 1008
