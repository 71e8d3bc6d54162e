"""A gateway that fills up says so: on ``/ws``, as server-sent events, over REST, by webhook."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.live_watcher import live_watcher
from support.messages import Json
from support.peer import RefusedError
from support.waiting import becomes_true
from support.webhook_receiver import webhook_receiver
from support.websocket_peer import WebSocketPeer, begun_peer
from support.workspace import Workspace
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180, func_only=True)]

CAPACITY = 20


@pytest.fixture
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway with places for 20 sessions."""
    folder = tmp_path_factory.mktemp("small")
    settings = {"sessions_per_worker": CAPACITY, "dashboard": False}
    with GatewayProcess(folder, scripted_agent_target(), **settings) as running:
        yield running


async def test_19_sessions_of_20_are_a_warning_and_then_critical_for_who_watches_and_who_comes_back(
    small: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(small.acp_over_websocket) as peer:
        async with live_watcher(small) as first:
            await first.event("system:position")
            assert list(first.messages[0]) == ["event", "data"]
            assert first.messages[0]["event"] == "system:connected"
            assert list(first.messages[0]["data"]) == ["timestamp"]
            opened = {await peer.new_session(workspace) for _ in range(17)}
            warning = await first.event("capacity-alert:opened")
            assert (await first.event("toast"))["data"]["message"] == (
                "Capacity warning: 85% taken by 17 sessions (cluster)."
            )
        assert (warning["data"]["trigger"], warning["data"]["activeConnections"]) == ("warning", 17)
        opened |= {await peer.new_session(workspace) for _ in range(2)}
        cursor = quote(first.cursor or "")
        async with live_watcher(small, f"?cursor={cursor}") as second:
            critical = await second.event("capacity-alert:escalated")
            assert critical["data"]["alertId"] == warning["data"]["alertId"]
            assert (critical["data"]["trigger"], critical["data"]["capacityPercent"]) == ("critical", 0.95)
            told = {one["sessionId"] for one in first.data_of("session:opened")}
            assert await becomes_true(
                lambda: told | {one["sessionId"] for one in second.data_of("session:opened")} == opened, 30.0
            )
            assert len(first.data_of("session:opened")) + len(second.data_of("session:opened")) == 19
        assert (await _server_sent(small, first.cursor or ""))[1:3] == [
            {"event": one["event"], "data": one["data"], "cursor": one["cursor"]}
            for one in second.messages[1:3]
        ]
        async with httpx.AsyncClient(base_url=small.url) as http:
            [alert] = (await http.get("/api/v1/capacity/alerts?state=open")).json()["alerts"]
            assert alert["alertId"] == warning["data"]["alertId"]
            assert alert["notificationChannels"] == ["toast"]
            wrong = await http.get("/api/v1/capacity/alerts?state=loud")
            assert wrong.json()["code"] == "invalid-params"


async def test_a_killed_events_actor_or_capacity_actor_loses_and_doubles_nothing(
    small: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(small.acp_over_websocket) as peer, live_watcher(small) as watcher:
        await watcher.event("system:position")
        opened = [await peer.new_session(workspace) for _ in range(3)]
        for number in range(3):
            assert await becomes_true(lambda: len(small.events_actors()) == 1, 30.0)
            small.events_actors()[0].kill()
            opened += [await peer.new_session(workspace) for _ in range(2 + number)]
        opened += [await peer.new_session(workspace) for _ in range(7)]
        alert = await watcher.event("capacity-alert:opened", 60.0)
        assert await becomes_true(lambda: len(watcher.data_of("session:opened")) >= len(opened), 60.0)
        assert sorted(one["sessionId"] for one in watcher.data_of("session:opened")) == sorted(opened)

        small.capacity_actors()[0].kill()
        late = await _becomes_open(peer, workspace, 60.0)
        await watcher.first(
            lambda one: one["event"] == "session:opened" and one["data"]["sessionId"] == late, 60.0
        )
        await watcher.first(lambda one: one["data"].get("trigger") == "critical", 60.0)
        async with httpx.AsyncClient(base_url=small.url) as http:
            [found] = (await http.get("/api/v1/capacity/alerts")).json()["alerts"]
        assert found["alertId"] == alert["data"]["alertId"]
        assert found["trigger"] == "critical"
        cursors = [int(one["cursor"].rpartition("-")[2]) for one in watcher.messages if "cursor" in one]
        assert cursors == list(range(cursors[0], cursors[0] + len(cursors)))


async def _becomes_open(peer: WebSocketPeer, workspace: Workspace, within_s: float) -> str:
    """The id of a session that is opened as soon as that can be done."""
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        try:
            return await peer.new_session(workspace)
        except RefusedError:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.5)


async def test_an_alert_reaches_a_webhook_that_was_away(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with webhook_receiver() as receiver:
        receiver.statuses = [503, 0]
        folder = tmp_path_factory.mktemp("hooked")
        settings = {
            "sessions_per_worker": 1,
            "dashboard": False,
            "alert_webhook_url": receiver.url,
            "alert_webhook_secret": "canary",
        }
        gateway = await asyncio.to_thread(
            GatewayProcess(folder, scripted_agent_target(), **settings).__enter__
        )
        try:
            async with begun_peer(gateway.acp_over_websocket) as peer:
                await peer.new_session(Workspace(folder / "scripted"))
                assert await becomes_true(lambda: len(receiver.received) == 3, 60.0)
            assert {one.headers["idempotency-key"] for one in receiver.received} == {
                f"{json.loads(receiver.received[0].body)['data']['alertId']}:opened"
            }
            logs = [
                path.read_text(errors="replace")
                for path in (folder / "data/logs/").glob("*")
                if path.is_file()
            ]
            assert logs
            assert not any("canary" in text or receiver.url in text for text in logs)
            async with httpx.AsyncClient(base_url=gateway.url) as http:

                async def is_noted() -> bool:
                    [alert] = (await http.get("/api/v1/capacity/alerts")).json()["alerts"]
                    return bool(alert["notificationChannels"] == ["toast", "webhook"])

                assert await becomes_true(is_noted, 30.0)
        finally:
            await asyncio.to_thread(gateway.stop)


async def test_what_makes_no_sense_is_ignored_or_told_and_the_socket_stays_open(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with live_watcher(gateway) as watcher:
        await watcher.event("system:position")
        for text in ("nonsense", "{", "[]", '{"event":"ping"}', "x" * 10_000):
            await watcher.socket.send(text)
        await watcher.socket.send(b"\x00")
        await watcher.socket.send('{"event":"resume","data":{"cursor":"nonsense"}}')
        refused = await watcher.event("system:error")
        assert (refused["data"]["code"], refused["data"]["category"]) == ("invalid-params", "protocol")
        await watcher.socket.send('{"event":"resume","data":{"cursor":"0"}}')
        await watcher.event("worker:joined")
        async with begun_peer(gateway.acp_over_websocket) as peer:
            session_id = await peer.new_session(workspace)
            await watcher.first(lambda one: one["data"].get("sessionId") == session_id)


@pytest.mark.parametrize("path", ["/ws/", "/websocket"])
async def test_there_is_one_path(gateway: GatewayProcess, path: str) -> None:
    with pytest.raises(InvalidStatus):
        async with connect(f"ws://{gateway.host}{path}"):
            pass


async def test_a_page_of_elsewhere_sees_nothing(gateway: GatewayProcess) -> None:
    with pytest.raises(InvalidStatus):
        async with connect(f"ws://{gateway.host}/ws", origin="https://evil.example"):
            pass
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        for path in ("/api/v1/events", "/api/v1/capacity/alerts"):
            refused = await http.get(path, headers={"Origin": "https://evil.example"})
            assert refused.json()["code"] == "invalid-request"


async def test_a_cursor_in_the_wrong_form_is_refused(gateway: GatewayProcess) -> None:
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        refused = await http.get("/api/v1/events?cursor=nonsense")
        assert refused.json()["code"] == "invalid-params"
    async with live_watcher(gateway, "?cursor=nonsense") as watcher:
        assert (await watcher.event("system:error"))["data"]["code"] == "invalid-params"
        await watcher.event("system:position")


async def _server_sent(gateway: GatewayProcess, cursor: str) -> list[Json]:
    """The first three messages for who comes back by ``Last-Event-ID``."""
    found: list[Json] = []
    async with (
        httpx.AsyncClient(base_url=gateway.url, timeout=30.0) as http,
        http.stream("GET", "/api/v1/events", headers={"Last-Event-ID": cursor}) as answer,
    ):
        last_id = ""
        async for line in answer.aiter_lines():
            if line.startswith("id: "):
                last_id = line.removeprefix("id: ")
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
                assert found[-1].get("cursor", "") == last_id
                if len(found) == 3:
                    return found
    raise AssertionError(f"the stream ended after {found}")
