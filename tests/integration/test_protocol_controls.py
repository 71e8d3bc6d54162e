"""Workspaces between ACP and HTTP: rolled back by hand and by themselves, returned, and moved by a policy."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from support.agentapi_server import AgentApiServer, agentapi_server
from support.gateway_process import GatewayProcess, free_port, run_to_its_end, scripted_agent_target
from support.journal_reading import journal_file
from support.messages import Json, texts
from support.waiting import becomes_true
from support.websocket_peer import WebSocketPeer, begun_peer
from support.workspace import Workspace

from actors.journal.sqlite import SqliteJournal
from actors.migration.samples import replay
from actors.migration.streams import WorkspaceName, workspace_stream
from actors.migration.window import SuccessWindow
from actors.records.models.migration import ProtocolMigrationLog, RollbackEvent
from actors.records.models.values import Protocol

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240, func_only=True)]

POLICY = "/api/v1/installations/default/protocol"
SOON_S = 20.0


@pytest.fixture(scope="module")
def http_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, http_port: int) -> Iterator[GatewayProcess]:
    """A gateway whose agents speak ACP, and HTTP at a port at which each test has a server of its own."""
    folder = tmp_path_factory.mktemp("protocol-gateway")
    fallback = f"agentapi+http://127.0.0.1:{http_port}"
    # Sessions that nobody has are looked for in half the time in which a silent agent counts as stuck.
    settings = {
        "fallback_agent": fallback,
        "dashboard": False,
        "detached_ttl_s": 1.0,
        "stall_timeout_s": 16.0,
    }
    with GatewayProcess(folder, scripted_agent_target(), **settings) as running:
        yield running


@pytest.fixture
async def server(http_port: int) -> AsyncIterator[AgentApiServer]:
    async with agentapi_server(port=http_port) as running:
        yield running


class Controls:
    """The administrative interface, as an operator uses it."""

    def __init__(self, http: httpx.AsyncClient, gateway: GatewayProcess, workspace: str) -> None:
        self.http = http
        self.gateway = gateway
        self.path = f"/api/v1/workspaces/{workspace}/protocol"
        self.stream = workspace_stream(WorkspaceName("default", workspace).key)

    async def show(self) -> Json:
        return _good(await self.http.get(self.path))

    async def post(self, verb: str, **more: str) -> httpx.Response:
        params = {"dryRun": "true"} if more.pop("dry_run", "") else {}
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        body = {"reason": "the test says so"}
        return await self.http.post(f"{self.path}/{verb}", json=body, params=params, headers=headers)

    async def becomes(self, state: str) -> None:
        async def is_so() -> bool:
            shown = await self.show()
            return shown["state"] == state and shown["migration"] is None

        assert await becomes_true(is_so, SOON_S), (await self.show(), self.gateway.last_words())

    async def migrations(self) -> list[ProtocolMigrationLog]:
        return [ProtocolMigrationLog.model_validate_json(one) for one in await self.logged("migration")]

    async def rollbacks(self) -> list[RollbackEvent]:
        return [RollbackEvent.model_validate_json(one) for one in await self.logged("rollback")]

    async def logged(self, kind: str) -> list[bytes]:
        journal = await SqliteJournal.open(journal_file(self.gateway.folder))
        try:
            page = await journal.read(self.stream, 0, 1000)
            return [entry.payload for entry in page.entries if entry.kind == kind]
        finally:
            await journal.close()


async def begin(peer: WebSocketPeer, folder: Path, name: str) -> str:
    """A session in a workspace of this name."""
    params = {"cwd": str(folder), "mcpServers": [], "_meta": {"lumilink": {"workspaceId": name}}}
    session_id: str = (await peer.ask("session/new", params))["sessionId"]
    return session_id


@asynccontextmanager
async def at_work(
    gateway: GatewayProcess, folder: Path, name: str
) -> AsyncIterator[tuple[WebSocketPeer, str, Controls]]:
    """A client with a session in a workspace of this name, and the workspace's controls."""
    async with (
        begun_peer(gateway.acp_over_websocket) as peer,
        httpx.AsyncClient(base_url=gateway.url, timeout=15.0) as http,
    ):
        session_id = await begin(peer, Workspace(folder / "ws").path, name)
        yield peer, session_id, Controls(http, gateway, name)
        await peer.close_session(session_id)


def _good(answer: httpx.Response) -> Json:
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def test_a_workspace_is_rolled_back_between_two_turns_and_returned(
    gateway: GatewayProcess, server: AgentApiServer, tmp_path: Path
) -> None:
    async with at_work(gateway, tmp_path, "by-hand") as (peer, session_id, controls):
        assert await peer.prompt(session_id, "say 1") == "end_turn"
        turn = await peer.start_prompt(session_id, "await go")
        dry = _good(await controls.post("rollback", dry_run="yes"))
        assert (dry["state"], dry["wouldBe"]) == ("acp", "http")

        rolled = _good(await controls.post("rollback"))
        assert (rolled["state"], rolled["migration"]["sessions"]) == ("pinned-http", 1)
        (tmp_path / "ws" / "go").touch()
        assert (await peer.result_of(turn))["stopReason"] == "end_turn"
        await controls.becomes("pinned-http")
        told = await peer.first(lambda message: _kind(message) == "rolled-back")
        assert told["params"]["toast"] == "An operator took the workspace back to HTTP."
        assert await peer.prompt(session_id, "say over http") == "end_turn"
        assert "over http\n" in "".join(texts(peer.messages, session_id))
        assert server.posts, "the prompt went over HTTP"

        _good(await controls.post("return"))
        await controls.becomes("acp")
        await peer.first(lambda message: _kind(message) == "returned")
        assert await peer.prompt(session_id, "say 1") == "end_turn"

        migrations = await controls.migrations()
        rollbacks = await controls.rollbacks()
        async with begun_peer(gateway.acp_over_websocket) as other:
            await other.load(session_id, tmp_path / "ws")
            said = ["".join(texts(one.messages, session_id)) for one in (peer, other)]
    assert said[0] == said[1], "the conversation is the same before and after"
    assert [(one.to_protocol, one.status) for one in migrations] == [
        (Protocol.HTTP, "in-progress"),
        (Protocol.HTTP, "succeeded"),
        (Protocol.ACP, "in-progress"),
        (Protocol.ACP, "succeeded"),
    ]
    assert [one.trigger for one in rollbacks] == ["manual-operator", "manual-operator"]
    assert rollbacks[-1].completed_at is not None
    assert migrations[0].initiated_by == "operator"


async def test_a_workspace_that_acp_fails_goes_back_by_itself(
    gateway: GatewayProcess, server: AgentApiServer, tmp_path: Path
) -> None:
    async with at_work(gateway, tmp_path, "by-itself") as (peer, session_id, controls):
        policy = _good(await controls.http.get(POLICY))
        _good(await controls.http.put(POLICY, json=policy | {"minSamples": 3}))
        turn = await peer.start_prompt(session_id, "exit 1")
        assert "error" in await peer.answer_to(turn)
        await controls.becomes("rolled-back")
        shown = await controls.show()
        await peer.first(lambda message: _kind(message) == "rolled-back")
        assert await peer.prompt(session_id, "say still here") == "end_turn"
        _good(await controls.http.put(POLICY, json=policy))
        migrations = await controls.migrations()
        rollbacks = await controls.rollbacks()

    assert shown["coolDownUntil"] > shown["since"]
    assert rollbacks[0].trigger == "auto-threshold"
    metrics = migrations[0].metrics_snapshot
    assert isinstance(metrics, dict)
    assert metrics["samples"] >= 3
    assert metrics["failed"] >= 1


async def test_a_session_that_is_not_loaded_goes_over_when_it_is(
    gateway: GatewayProcess, server: AgentApiServer, tmp_path: Path
) -> None:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=15.0) as http:
        controls = Controls(http, gateway, "away")
        async with begun_peer(gateway.acp_over_websocket) as peer:
            session_id = await begin(peer, Workspace(tmp_path / "ws").path, "away")
            assert await peer.prompt(session_id, "say 1") == "end_turn"
        assert await becomes_true(lambda: not gateway.agents(), 2 * SOON_S)

        assert _good(await controls.post("rollback"))["state"] == "pinned-http"

    async with begun_peer(gateway.acp_over_websocket) as peer:
        await peer.load(session_id, tmp_path / "ws")
        assert await peer.prompt(session_id, "say from afar") == "end_turn"
        assert "from afar\n" in "".join(texts(peer.messages, session_id))
        await peer.close_session(session_id)
    assert server.posts


async def test_changes_are_made_to_the_version_that_was_seen_and_once(
    gateway: GatewayProcess, server: AgentApiServer, tmp_path: Path
) -> None:
    async with at_work(gateway, tmp_path, "versions") as (_, _session, controls):
        seen = await controls.http.get(controls.path)
        old = seen.headers["etag"]
        first = await controls.post("rollback", If_Match=old, Idempotency_Key="k1")
        again = await controls.post("rollback", If_Match=old, Idempotency_Key="k1")
        other = await controls.post("return", Idempotency_Key="k1")
        late = await controls.post("return", If_Match=old)
        await controls.becomes("pinned-http")

    assert [one.status_code for one in (first, again, other, late)] == [200, 200, 409, 412]
    assert first.headers["etag"] == again.headers["etag"] != old
    assert late.json()["code"] == "precondition-failed"
    assert len(await controls.logged("rollback")) == 2


async def test_the_rollout_moves_a_workspace_of_before(
    gateway: GatewayProcess, server: AgentApiServer, tmp_path: Path
) -> None:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=15.0) as http:
        policy = _good(await http.get(POLICY))
        _good(await http.put(POLICY, json=policy | {"defaultProtocol": "http"}))
        async with at_work(gateway, tmp_path, "of-before") as (peer, session_id, controls):
            assert await peer.prompt(session_id, "say over http") == "end_turn"
            assert (await controls.show())["state"] == "http"
            wanted = policy | {"migrationEnabled": True, "phase": "automatic"}
            dry = _good(await http.put(POLICY, params={"dryRun": "true"}, json=wanted))
            assert (dry["workspaces"], dry["applied"]) == (["of-before"], False)

            _good(await http.put(POLICY, json=wanted))
            await controls.becomes("acp")
            assert await peer.prompt(session_id, "say 1") == "end_turn"
        _good(await http.put(POLICY, json=policy))
        [log, *_] = await controls.migrations()

    assert (log.initiated_by, log.trigger, log.to_protocol) == ("system", "automatic", Protocol.ACP)


async def test_the_window_outlives_the_worker_that_had_it(
    gateway: GatewayProcess, server: AgentApiServer, tmp_path: Path
) -> None:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=15.0) as http:
        controls = Controls(http, gateway, "outliving")
        async with begun_peer(gateway.acp_over_websocket) as peer:
            session_id = await begin(peer, Workspace(tmp_path / "ws").path, "outliving")
            for _ in range(5):
                assert await peer.prompt(session_id, "say 1") == "end_turn"

        async def is_written() -> bool:
            window = SuccessWindow()
            for payload in await controls.logged("samples"):
                replay(payload, window, SuccessWindow())
            return window.counts(time.time()) == (7, 0)

        assert await becomes_true(is_written, SOON_S)
        before = (await controls.show())["metrics"]
        assert (before["samples"], before["failed"]) == (7, 0), "a handshake, a set-up and five turns"
        [worker] = gateway.workers()
        worker.kill()

        async def is_back() -> bool:
            rows = (await gateway.topology())["workers"]
            return [row["state"] for row in rows] == ["alive"] and rows[0]["pid"] != worker.pid

        assert await becomes_true(is_back, 3 * SOON_S)
        async with begun_peer(gateway.acp_over_websocket) as peer:
            await peer.load(session_id, tmp_path / "ws")
            assert await peer.prompt(session_id, "say 1") == "end_turn"
            after = (await controls.show())["metrics"]
            await peer.close_session(session_id)
    assert after["samples"] > before["samples"]


async def test_what_makes_no_sense_is_refused(gateway: GatewayProcess) -> None:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=15.0) as http:
        answers = [
            await http.get("/api/v1/workspaces/nobody-knows-it/protocol"),
            await http.post("/api/v1/workspaces/nobody-knows-it/protocol/rollback"),
            await http.get("/api/v1/installations/another/protocol"),
            await http.put(POLICY, json={"share": 2.0}),
            await http.put(POLICY, json={"phase": "scheduled"}),
            await http.put(POLICY, json={}, headers={"If-Match": "many"}),
            await http.put(POLICY, json={}, headers={"Origin": "https://evil.example"}),
        ]

    assert [one.status_code for one in answers] == [404, 404, 403, 400, 400, 400, 400]
    assert {one.headers["content-type"] for one in answers} == {"application/problem+json"}


async def test_the_command_line_does_the_same(
    gateway: GatewayProcess, server: AgentApiServer, tmp_path: Path
) -> None:
    async with at_work(gateway, tmp_path, "commands") as (_, _session, controls):
        assert lumilink(gateway, "show", "--workspace", "commands")["state"] == "acp"
        dry = lumilink(gateway, "rollback", "--workspace", "commands", "--dry-run")
        assert (dry["state"], dry["wouldBe"]) == ("acp", "http")
        rolled = lumilink(gateway, "rollback", "--workspace", "commands", "--reason", "tea")
        assert rolled["state"] == "pinned-http"
        later = lumilink(gateway, "return", "--workspace", "commands", "--at", "2099-01-01T00:00:00Z")
        assert (later["state"], later["returnAt"]) == ("pinned-http", "2099-01-01T00:00:00.000Z")
        await controls.becomes("pinned-http")
    version = lumilink(gateway, "show")["version"]
    changed = lumilink(gateway, "set", "--share", "0.25", "--cool-down", "60")
    assert (changed["share"], changed["coolDownS"], changed["version"]) == (0.25, 60.0, version + 1)


def lumilink(gateway: GatewayProcess, *arguments: str) -> Json:
    """What ``lumilink protocol`` prints; it must end with 0."""
    ended = run_to_its_end(["protocol", *arguments, "--url", gateway.url], gateway.folder)
    assert ended.returncode == 0, ended.stderr
    found: Json = json.loads(ended.stdout)
    return found


def _kind(message: Json) -> object:
    return message["params"].get("kind") if message.get("method") == "_lumilink/notice" else None
