"""The official SDK as a client, over both transports: what an editor does all day."""

from __future__ import annotations

import asyncio
from pathlib import Path

import acp
import pytest
from acp import RequestError
from support.gateway_process import GatewayProcess
from support.recording_client import RecordingClient, sdk_connection
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120, func_only=True)]


@pytest.fixture(params=["websocket", "http"])
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def test_a_turn_streams_its_text_in_order_and_ends(
    gateway: GatewayProcess, transport: str, workspace: Workspace
) -> None:
    client = RecordingClient()
    async with sdk_connection(gateway, transport, client) as agent:
        session = await agent.new_session(cwd=str(workspace), mcp_servers=[])
        outcome = await agent.prompt(session_id=session.session_id, prompt=[acp.text_block("say 200")])
        assert outcome.stop_reason == "end_turn"
        await client.until(lambda: client.said(session.session_id).endswith("200 "))
    assert client.said(session.session_id) == "".join(f"{number} " for number in range(1, 201))


async def test_a_write_asks_for_permission_and_then_happens(
    gateway: GatewayProcess, transport: str, example_workspace: Workspace
) -> None:
    client = RecordingClient(answer="allow_once")
    async with sdk_connection(gateway, transport, client) as agent:
        session = await agent.new_session(cwd=str(example_workspace), mcp_servers=[])
        write = acp.text_block("write notes.txt as told")
        outcome = await agent.prompt(session_id=session.session_id, prompt=[write])
    assert outcome.stop_reason == "end_turn"
    assert client.asked == [session.session_id]
    assert (example_workspace.path / "notes.txt").read_text() == "as told\n"


async def test_a_refused_permission_leaves_the_disk_alone(
    gateway: GatewayProcess, transport: str, example_workspace: Workspace
) -> None:
    client = RecordingClient(answer="reject_once")
    async with sdk_connection(gateway, transport, client) as agent:
        session = await agent.new_session(cwd=str(example_workspace), mcp_servers=[])
        write = acp.text_block("write notes.txt not wanted")
        await agent.prompt(session_id=session.session_id, prompt=[write])
    assert client.asked == [session.session_id]
    assert not (example_workspace.path / "notes.txt").exists()


async def test_a_mode_reaches_the_agent(
    gateway: GatewayProcess, transport: str, example_workspace: Workspace
) -> None:
    client = RecordingClient()
    async with sdk_connection(gateway, transport, client) as agent:
        session = await agent.new_session(cwd=str(example_workspace), mcp_servers=[])
        assert session.modes is not None
        assert session.modes.current_mode_id == "ask"
        await agent.set_session_mode(session_id=session.session_id, mode_id="auto")
        write = acp.text_block("write notes.txt unasked")
        await agent.prompt(session_id=session.session_id, prompt=[write])
    assert client.asked == []
    assert (example_workspace.path / "notes.txt").read_text() == "unasked\n"


async def test_a_cancelled_turn_ends_as_cancelled_and_the_next_one_runs(
    gateway: GatewayProcess, transport: str, workspace: Workspace
) -> None:
    client = RecordingClient()
    async with sdk_connection(gateway, transport, client) as agent:
        session = await agent.new_session(cwd=str(workspace), mcp_servers=[])
        endless = acp.text_block("say 1\nwait")
        turn = asyncio.create_task(agent.prompt(session_id=session.session_id, prompt=[endless]))
        await client.until(lambda: client.said(session.session_id) == "1 ")
        await agent.cancel(session_id=session.session_id)
        assert (await turn).stop_reason == "cancelled"
        again = await agent.prompt(session_id=session.session_id, prompt=[acp.text_block("say 2")])
        assert again.stop_reason == "end_turn"


async def test_a_session_can_be_listed_loaded_resumed_and_closed(
    gateway: GatewayProcess, transport: str, workspace: Workspace
) -> None:
    first, second, third = RecordingClient(), RecordingClient(), RecordingClient()
    async with sdk_connection(gateway, transport, first) as agent:
        session_id = (await agent.new_session(cwd=str(workspace), mcp_servers=[])).session_id
        await agent.prompt(session_id=session_id, prompt=[acp.text_block("say 3")])
    async with sdk_connection(gateway, transport, second) as agent:
        listed = await agent.list_sessions(cwd=str(workspace))
        assert [found.session_id for found in listed.sessions] == [session_id]
        await agent.load_session(cwd=str(workspace), session_id=session_id, mcp_servers=[])
        await second.until(lambda: second.said(session_id) == "1 2 3 ")
        assert second.said(session_id, acp.schema.UserMessageChunk) == "say 3"
    async with sdk_connection(gateway, transport, third) as agent:
        await agent.resume_session(cwd=str(workspace), session_id=session_id, mcp_servers=[])
        await agent.prompt(session_id=session_id, prompt=[acp.text_block("say 1")])
        await third.until(lambda: third.said(session_id) == "1 ")
        await agent.close_session(session_id=session_id)
        assert (await agent.list_sessions(cwd=str(workspace))).sessions == []


async def test_what_the_agent_cannot_do_is_method_not_found(
    gateway: GatewayProcess, transport: str, workspace: Workspace
) -> None:
    async with sdk_connection(gateway, transport, RecordingClient()) as agent:
        session_id = (await agent.new_session(cwd=str(workspace), mcp_servers=[])).session_id
        with pytest.raises(RequestError) as option:
            await agent.set_config_option(config_id="model", session_id=session_id, value="large")
        with pytest.raises(RequestError) as fork:
            await agent.fork_session(cwd=str(workspace), session_id=session_id, mcp_servers=[])
    assert (option.value.code, fork.value.code) == (-32601, -32601)


async def test_two_sessions_on_one_connection_do_not_mix(
    gateway: GatewayProcess, transport: str, tmp_path: Path
) -> None:
    client = RecordingClient()
    async with sdk_connection(gateway, transport, client) as agent:
        folders = [Workspace(tmp_path / name) for name in ("one", "two")]
        ids = [(await agent.new_session(cwd=str(f), mcp_servers=[])).session_id for f in folders]
        await asyncio.gather(
            agent.prompt(session_id=ids[0], prompt=[acp.text_block("say 30")]),
            agent.prompt(session_id=ids[1], prompt=[acp.text_block("say 50")]),
        )
        await client.until(
            lambda: client.said(ids[0]).endswith("30 ") and client.said(ids[1]).endswith("50 ")
        )
    for session_id, count in zip(ids, (30, 50), strict=True):
        assert client.said(session_id) == "".join(f"{number} " for number in range(1, count + 1))
