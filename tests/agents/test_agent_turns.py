"""Whole turns of real agents, the same whether the client talks to the agent or to the gateway before it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import acp
import pytest
from acp.client import ClientSideConnection
from agent_connections import Connect
from recording_client import RecordingClient
from stub_model import StubModel
from stub_script import DRIP_WORDS

pytestmark = [pytest.mark.agents, pytest.mark.timeout(90, func_only=True)]

TURN_DEADLINE_S = 45.0
CANCEL_DEADLINE_S = 10.0  # a sixth of the time that the model would go on dripping


async def open_session(agent: ClientSideConnection, workspace: Path) -> str:
    await agent.initialize(protocol_version=acp.PROTOCOL_VERSION)
    session = await agent.new_session(cwd=str(workspace), mcp_servers=[])
    return session.session_id


async def becomes_true(condition: Callable[[], bool], deadline_s: float) -> bool:
    deadline = time.monotonic() + deadline_s
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    return condition()


async def test_each_turn_streams_its_own_text_in_pieces_and_ends(connect: Connect, workspace: Path) -> None:
    client = RecordingClient(workspace)
    async with asyncio.timeout(TURN_DEADLINE_S), connect(client) as agent:
        session_id = await open_session(agent, workspace)
        outcome = await agent.prompt(session_id=session_id, prompt=[acp.text_block("say hello wide world")])
        assert outcome.stop_reason == "end_turn"
        assert "".join(client.chunks) == "hello wide world"
        assert len(client.chunks) > 1
        await agent.prompt(session_id=session_id, prompt=[acp.text_block("say and more")])
    assert "".join(client.chunks) == "hello wide worldand more"
    assert {of_session for of_session, _ in client.updates} == {session_id}


async def test_an_allowed_edit_reaches_the_disk_after_the_question(connect: Connect, workspace: Path) -> None:
    notes = workspace / "notes.txt"
    client = RecordingClient(workspace)
    async with asyncio.timeout(TURN_DEADLINE_S), connect(client) as agent:
        session_id = await open_session(agent, workspace)
        prompt = acp.text_block(f"write {notes} with what was asked for")
        outcome = await agent.prompt(session_id=session_id, prompt=[prompt])
    assert outcome.stop_reason == "end_turn"
    assert notes.read_text() == "what was asked for"
    [asked] = client.permissions
    assert asked.session_id == session_id
    assert "notes.txt" not in asked.files
    states = client.tool_calls[asked.tool_call_id]
    assert (states[0], states[-1]) == ("pending", "completed")


async def test_a_refused_edit_leaves_the_disk_as_it_was(connect: Connect, workspace: Path) -> None:
    client = RecordingClient(workspace, answer="reject_once")
    async with asyncio.timeout(TURN_DEADLINE_S), connect(client) as agent:
        session_id = await open_session(agent, workspace)
        prompt = acp.text_block(f"write {workspace / 'notes.txt'} with what was not wanted")
        await agent.prompt(session_id=session_id, prompt=[prompt])
    [asked] = client.permissions
    assert client.tool_calls[asked.tool_call_id][-1] == "failed"
    assert not list(workspace.iterdir())


async def test_a_cancelled_turn_ends_at_once_and_frees_the_model(
    connect: Connect, workspace: Path, model: StubModel
) -> None:
    client = RecordingClient(workspace)
    asked_before = len(model.exchanges)
    async with asyncio.timeout(TURN_DEADLINE_S), connect(client) as agent:
        session_id = await open_session(agent, workspace)
        turn = asyncio.create_task(agent.prompt(session_id=session_id, prompt=[acp.text_block("drip")]))
        await client.text_arrived.wait()
        await agent.cancel(session_id=session_id)
        outcome = await asyncio.wait_for(turn, CANCEL_DEADLINE_S)
        [drip] = [asked for asked in model.exchanges[asked_before:] if len(asked.reply.words) == DRIP_WORDS]
        assert await becomes_true(lambda: drip.ended == "dropped", CANCEL_DEADLINE_S)
    assert outcome.stop_reason == "cancelled"
