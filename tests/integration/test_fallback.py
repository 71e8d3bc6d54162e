"""A real gateway whose agent fails over ACP: the same session goes on over HTTP, and its client stays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.agentapi_server import AgentApiServer, agentapi_server
from support.gateway_process import GatewayProcess, free_port, scripted_agent_target
from support.messages import Json, texts
from support.peer import Peer, RefusedError
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240, func_only=True)]


@pytest.fixture(scope="module")
def http_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, http_port: int) -> Iterator[GatewayProcess]:
    """A gateway that has a fallback; what listens there is each test's own."""
    folder = tmp_path_factory.mktemp("fallback-gateway")
    settings = {
        "fallback_agent": f"agentapi+http://127.0.0.1:{http_port}",
        "reconnect_first_delay_s": 0.1,
        "reconnect_max_delay_s": 0.2,
        "reconnect_attempts": 2,
        "agent_start_timeout_s": 5.0,
        "dashboard": False,
    }
    with GatewayProcess(folder, scripted_agent_target(), **settings) as running:
        yield running


@pytest.fixture
async def http(http_port: int) -> AsyncIterator[AgentApiServer]:
    """The container's HTTP agent."""
    async with agentapi_server(port=http_port) as running:
        yield running


async def opened(peer: Peer, workspace: Workspace, **wishes: object) -> Json:
    """The result of ``session/new``."""
    params = {"cwd": str(workspace), "mcpServers": [], "_meta": {"lumilink": wishes}}
    return await peer.ask("session/new", params)


async def noticed(peer: Peer, kind: str) -> Json:
    found = await peer.first(
        lambda message: message.get("method") == "_lumilink/notice" and message["params"].get("kind") == kind
    )
    params: Json = found["params"]
    return params


def ours(result: Json) -> Json:
    found: Json = result["_meta"]["lumilink"]
    return found


async def test_a_session_whose_agent_keeps_dying_goes_on_over_http_with_its_conversation(
    gateway: GatewayProcess, http: AgentApiServer, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path, behaviour="forgetful")
    async with begun_peer(gateway.acp_over_websocket) as peer:
        opened_as = await opened(peer, workspace)
        session_id = opened_as["sessionId"]
        assert ours(opened_as)["protocol"] == "acp"
        assert await peer.prompt(session_id, "say 2") == "end_turn"
        (tmp_path / "behaviour").write_text("crash-on-start")
        with pytest.raises(RefusedError) as interrupted:
            await peer.prompt(session_id, "exit 3")
        assert interrupted.value.data["code"] == "turn-interrupted"
        told = await noticed(peer, "fell-back")
        assert (told["entry"], told["code"]) == ("rollback", "agent-start-failed")
        assert await peer.prompt(session_id, "say over http") == "end_turn"
        # The agent there answers each line of its prompt, those of the context included.
        assert "".join(texts(peer.messages, session_id)).endswith("over http\n")
        async with begun_peer(gateway.acp_over_websocket) as other:
            about = ours(await other.load(session_id, tmp_path))
            assert (about["protocol"], about["fallbackReason"]) == ("http", "agent-start-failed")
            said = texts(other.messages, session_id, "user_message_chunk")
            assert said == ["say 2", "exit 3", "say over http"]
        await peer.close_session(session_id)
    [posted] = [str(post["content"]) for post in http.posts if post["type"] == "user"]
    assert posted.startswith("[Context:")
    assert "User: say 2\n\nAgent: 1 2" in posted
    assert posted.endswith("say over http")


async def test_a_prompt_that_waits_for_the_agent_runs_over_http(
    gateway: GatewayProcess, http: AgentApiServer, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path, behaviour="forgetful")
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = (await opened(peer, workspace))["sessionId"]
        (tmp_path / "behaviour").write_text("crash-on-start")
        dying = await peer.start_prompt(session_id, "exit 3")
        waiting = await peer.start_prompt(session_id, "say later")
        assert "error" in await peer.answer_to(dying)
        assert (await peer.result_of(waiting))["stopReason"] == "end_turn"
        assert "".join(texts(peer.messages, session_id)).endswith("later\n")
        await peer.close_session(session_id)


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("future-version", "protocol-mismatch"),
        ("crash-on-start", "agent-start-failed"),
        ("never-answers", "agent-timeout"),
    ],
)
async def test_a_container_without_our_acp_gets_its_session_over_http(
    gateway: GatewayProcess, http: AgentApiServer, tmp_path: Path, behaviour: str, code: str
) -> None:
    workspace = Workspace(tmp_path, behaviour=behaviour)
    async with begun_peer(gateway.acp_over_websocket) as peer:
        result = await opened(peer, workspace, containerId="web-7")
        session_id = result["sessionId"]
        about = {name: ours(result)[name] for name in ("protocol", "protocolVersion", "containerId")}
        assert about == {"protocol": "http", "protocolVersion": "1.0.0", "containerId": "web-7"}
        assert ours(result)["fallbackReason"] == code
        assert (await noticed(peer, "fell-back"))["code"] == code
        assert await peer.prompt(session_id, "say hello") == "end_turn"
        assert texts(peer.messages, session_id) == ["hello\n"]
        await peer.close_session(session_id)
    assert [post["content"] for post in http.posts] == ["say hello"]


async def test_where_there_is_no_http_either_both_versions_are_named(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path, behaviour="future-version")
    async with begun_peer(gateway.acp_over_websocket) as peer:
        with pytest.raises(RefusedError, match="ACP version 99, LumiLink speaks version 1") as refused:
            await opened(peer, workspace)
    assert refused.value.data["code"] == "protocol-mismatch"


async def test_a_client_may_have_no_fallback(
    gateway: GatewayProcess, http: AgentApiServer, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path, behaviour="forgetful")
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = (await opened(peer, workspace, fallbackEnabled=False))["sessionId"]
        (tmp_path / "behaviour").write_text("crash-on-start")
        dying = await peer.start_prompt(session_id, "exit 3")
        assert "error" in await peer.answer_to(dying)
        await noticed(peer, "agent-lost")
        with pytest.raises(RefusedError) as refused:
            await peer.prompt(session_id, "say 1")
        assert refused.value.data["code"] == "agent-start-failed"
        await peer.close_session(session_id)
    assert http.posts == []


async def test_a_container_is_named_by_a_host_label(gateway: GatewayProcess, tmp_path: Path) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        with pytest.raises(RefusedError, match="expected 1 to 63 of a to z"):
            await opened(peer, Workspace(tmp_path), containerId="../evil")
