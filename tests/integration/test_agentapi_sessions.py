"""Sessions of an agent that has only AgentAPI: its clients speak ACP and see no difference."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from support.agentapi_server import AgentApiServer, agentapi_server
from support.gateway_process import GatewayProcess, free_port
from support.messages import texts
from support.peer import RefusedError
from support.websocket_peer import begun_peer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240, func_only=True)]


@pytest.fixture(scope="module")
def agent_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def agentapi_gateway(tmp_path_factory: pytest.TempPathFactory, agent_port: int) -> Iterator[GatewayProcess]:
    """A gateway whose agent listens at ``agent_port``; what listens there is each test's own."""
    folder = tmp_path_factory.mktemp("agentapi-gateway")
    target = f"agentapi+http://127.0.0.1:{agent_port}"
    with GatewayProcess(folder, target, dashboard=False) as running:
        yield running


@pytest.fixture(params=["pty", "acp"])
async def server(request: pytest.FixtureRequest, agent_port: int) -> AsyncIterator[AgentApiServer]:
    async with agentapi_server(port=agent_port, transport=request.param) as running:
        yield running


async def test_two_turns_and_a_second_client_that_sees_them_all(
    agentapi_gateway: GatewayProcess, server: AgentApiServer, tmp_path: Path
) -> None:
    url = agentapi_gateway.acp_over_websocket
    async with begun_peer(url) as first, begun_peer(url) as second:
        session_id = await first.new_session(tmp_path)
        assert await first.prompt(session_id, "say one\nsay two") == "end_turn"
        await second.load(session_id, tmp_path)
        assert texts(second.messages, session_id, "user_message_chunk") == ["say one\nsay two"]
        assert "".join(texts(second.messages, session_id)) == "one\ntwo\n"
        assert await first.prompt(session_id, "drip 20\ncut\nsay end") == "end_turn"
        await second.first(lambda message: "end" in "".join(texts([message], session_id)))
        for peer in (first, second):
            told = "".join(texts(peer.messages, session_id))
            assert told == "one\ntwo\n" + "".join(f"{number} " for number in range(1, 21)) + "end\n"
        await first.close_session(session_id)
    assert [post["type"] for post in server.posts] == ["user", "user"]


@pytest.mark.parametrize("server", ["pty"], indirect=True)
async def test_a_turn_is_cancelled_and_the_next_one_runs(
    agentapi_gateway: GatewayProcess, server: AgentApiServer, tmp_path: Path
) -> None:
    async with begun_peer(agentapi_gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(tmp_path)
        request_id = await peer.start_prompt(session_id, "say working\nwait")
        await peer.hears(session_id, "working\n")
        await peer.cancel(session_id)
        assert (await peer.result_of(request_id))["stopReason"] == "cancelled"
        assert await peer.prompt(session_id, "say more") == "end_turn"
        await peer.close_session(session_id)
    assert server.posts[1] == {"content": "\x1b", "type": "raw"}


@pytest.mark.parametrize("server", ["pty"], indirect=True)
async def test_a_container_that_has_talked_takes_no_other_session(
    agentapi_gateway: GatewayProcess, server: AgentApiServer, tmp_path: Path
) -> None:
    async with begun_peer(agentapi_gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(tmp_path)
        await peer.prompt(session_id, "say hello")
        with pytest.raises(RefusedError, match="a container of its own") as refused:
            await peer.new_session(tmp_path / "other")
        assert refused.value.data["code"] == "agent-capability-missing"
        await peer.close_session(session_id)


async def test_a_session_goes_on_after_the_gateway_was_stopped(
    agentapi_gateway: GatewayProcess, server: AgentApiServer, tmp_path: Path
) -> None:
    url = agentapi_gateway.acp_over_websocket
    async with begun_peer(url) as peer:
        session_id = await peer.new_session(tmp_path)
        await peer.prompt(session_id, "say before")
    await asyncio.to_thread(agentapi_gateway.stop)
    await asyncio.to_thread(agentapi_gateway.start)
    await asyncio.to_thread(agentapi_gateway.wait_until_ready)
    async with begun_peer(url) as peer:
        await peer.load(session_id, tmp_path)
        assert await peer.prompt(session_id, "say after") == "end_turn"
        assert texts(peer.messages, session_id) == ["before\n", "after\n"]
        assert not [one for one in peer.messages if one.get("method") == "_lumilink/notice"]
        await peer.close_session(session_id)


@pytest.mark.parametrize("server", ["pty"], indirect=True)
async def test_a_file_is_put_where_the_agent_runs_while_it_works(
    agentapi_gateway: GatewayProcess, server: AgentApiServer, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 4096
    async with begun_peer(agentapi_gateway.acp_over_websocket) as peer, httpx.AsyncClient() as http:
        session_id = await peer.new_session(tmp_path)
        upload = f"{agentapi_gateway.url}/sessions/{session_id}/upload"
        request_id = await peer.start_prompt(session_id, "say working\nwait")
        await peer.hears(session_id, "working\n")

        taken = await http.post(upload, files={"file": ("../notes.bin", content)})
        large = await http.post(upload, files={"file": ("large.bin", bytes(11 * 1024 * 1024))})
        none = await http.post(upload, data={"file": "words"})
        no_form = await http.post(upload, json={})

        await peer.cancel(session_id)
        assert (await peer.result_of(request_id))["stopReason"] == "cancelled"
        await peer.close_session(session_id)

    assert (taken.status_code, taken.json()["ok"]) == (200, True)
    assert server.files == {taken.json()["filePath"]: content}
    assert taken.json()["filePath"].endswith("/notes.bin")
    assert [one.status_code for one in (large, none, no_form)] == [413, 422, 422]
