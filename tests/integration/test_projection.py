"""What happens in a gateway is in its records a few seconds later, and told live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.live_watcher import live_watcher
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

from actors.records import Kind, Query, RecordStore, kinds
from actors.records.models import AcpMessage, Record
from topology.cli import main

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180, func_only=True)]

INSTALLATION = "default"
WITHIN_S = 20.0


@asynccontextmanager
async def records_of(gateway: GatewayProcess) -> AsyncIterator[RecordStore]:
    """The records of a gateway that runs, or has run."""
    store = await RecordStore.open(f"sqlite+aiosqlite:///{gateway.folder / 'data' / 'records.db'}")
    yield store
    await store.close()


async def messages_of(store: RecordStore, session_id: str) -> list[AcpMessage]:
    """Of one session, oldest first."""
    query = Query(where={"sessionId": session_id}, sort="timestamp", limit=200)
    return list((await store.page(INSTALLATION, kinds.MESSAGES, query)).items)


async def has_ended(store: RecordStore, session_id: str) -> bool:
    """Whether the end of a turn is recorded."""
    found = await messages_of(store, session_id)
    return any(isinstance(one.payload, dict) and one.payload.get("outcome") == "completed" for one in found)


async def everything(store: RecordStore) -> list[tuple[Kind[Record], list[Record]]]:
    """All records but those that another part of the system keeps adding."""
    return [
        (kind, list((await store.page(INSTALLATION, kind, Query(limit=200))).items))
        for kind in kinds.KINDS
        if kind is not kinds.ALERTS
    ]


async def test_a_turn_is_recorded_with_its_session_connection_and_messages(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with live_watcher(gateway) as watcher, begun_peer(gateway.acp_over_websocket) as peer:
        await watcher.event("system:position")
        session_id = await peer.new_session(workspace)
        assert await peer.prompt(session_id, "say 20") == "end_turn"
        started = await watcher.event("session:turn-started")
        ended = await watcher.event("session:turn-ended")
        assert started["data"]["sessionId"] == ended["data"]["sessionId"] == session_id
        async with records_of(gateway) as store:
            assert await becomes_true(partial(has_ended, store, session_id), WITHIN_S)
            messages = await messages_of(store, session_id)
            session = await store.get(INSTALLATION, kinds.SESSIONS, session_id)
            assert session is not None
            assert session.acp_connection_id is not None
            connection = await store.get(INSTALLATION, kinds.CONNECTIONS, session.acp_connection_id)
            assert connection is not None
            assert connection.status.value == "connected"
            assert connection.protocol_version == "1.0.0"
            said = [one for one in messages if one.message_type.value == "message"]
            assert [one.direction.value for one in said][:2] == ["outbound", "inbound"]
            assert "20 " in str(said[-1].payload)
            assert len(said) < 10, "chunks are folded"


async def test_rebuilt_records_are_those_that_were_there(tmp_path: Path, workspace: Workspace) -> None:
    gateway = GatewayProcess(tmp_path / "own", scripted_agent_target(), dashboard=False)
    with gateway:
        async with begun_peer(gateway.acp_over_websocket) as peer:
            session_id = await peer.new_session(workspace)
            assert await peer.prompt(session_id, "say 5") == "end_turn"
            await peer.close_session(session_id)
        async with records_of(gateway) as store:
            assert await becomes_true(partial(has_ended, store, session_id), WITHIN_S)
    arguments = ["rebuild", "--data-dir", str(gateway.folder / "data")]
    # In a thread: it runs a loop of its own.
    first = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert (first.exit_code, "0 are set aside" in first.output) == (0, True), first.output
    async with records_of(gateway) as store:
        before = await everything(store)
    again = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert again.exit_code == 0
    async with records_of(gateway) as store:
        assert await everything(store) == before
        closed = await store.get(INSTALLATION, kinds.SESSIONS, session_id)
        assert closed is not None
        assert closed.closed_at is not None
