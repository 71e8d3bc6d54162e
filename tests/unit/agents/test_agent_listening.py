"""Whether somebody is there, without saying anything; and whom nobody can ask who it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from actors.agents.dial import is_listening
from actors.agents.profile import Profile
from actors.agents.target import AgentTarget
from actors.errors import AgentUnreachableError


async def test_an_agent_behind_agentapi_is_listening_where_its_server_is() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert await is_listening(AgentTarget.parse(f"agentapi+http://127.0.0.1:{port}"), 1.0)


async def test_nobody_is_listening_on_a_free_port(unused_tcp_port: int) -> None:
    assert not await is_listening(AgentTarget.parse(f"agentapi+http://127.0.0.1:{unused_tcp_port}"), 1.0)


@dataclass(frozen=True)
class Settings:
    target: AgentTarget
    agent_environment: tuple[str, ...] = ()
    max_frame_bytes: int = 1024
    agent_start_timeout_s: float = 1.0


async def test_where_each_container_has_an_address_none_is_asked_who_it_is() -> None:
    profile = Profile(Settings(AgentTarget.parse("ws://{containerId}.agents/acp")))

    with pytest.raises(AgentUnreachableError, match="container"):
        await profile.get()
