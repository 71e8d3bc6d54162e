"""The ways from a client to an agent: straight to its process, or through a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import acp
from acp.client import ClientSideConnection
from acp.ws.client import create_websocket_stream
from agent_programs import AgentProgram
from gateway_process import GatewayProcess
from process_census import alive, left_over
from recording_client import RecordingClient

STDIO_LIMIT_BYTES: Final = 16 * 1024 * 1024

Connect = Callable[[RecordingClient], AbstractAsyncContextManager[ClientSideConnection]]


@asynccontextmanager
async def to_agent(
    program: AgentProgram, home: Path, client: RecordingClient
) -> AsyncIterator[ClientSideConnection]:
    """A connection to an agent of its own, started for it. No process of that agent may outlive it."""
    home.mkdir()
    with (home / "stderr.log").open("wb") as stderr:
        transport = {"limit": STDIO_LIMIT_BYTES, "stderr": stderr.fileno()}
        started = acp.spawn_agent_process(
            client.as_acp(),
            *program.command,
            env=program.environment(home),
            cwd=client.workspace,
            transport_kwargs=transport,
        )
        try:
            async with started as (connection, _process):
                yield connection
                assert alive(home), "no process is seen, so that none is seen later proves nothing"
        finally:
            stayed = await asyncio.to_thread(left_over, alive(home))
        assert not stayed, "the agent ended, but left processes behind"


@asynccontextmanager
async def to_gateway(running: GatewayProcess, client: RecordingClient) -> AsyncIterator[ClientSideConnection]:
    """A WebSocket connection to the gateway."""
    transport = await create_websocket_stream(running.acp_over_websocket)
    connection = acp.connect_to_agent(client.as_acp(), transport)
    try:
        yield connection
    finally:
        await connection.close()
