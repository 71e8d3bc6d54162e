"""A gateway as one writes it with the official Python SDK: its server in front, its client behind.

Every frame is decoded, validated as a model and encoded again on its way, which is how the SDK is meant to be
used. One agent connection a client; nothing is kept. The SDK answers "method not found" for what a class here
does not define, which is why they do not inherit its protocols (and are cast to them instead).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from acp import Agent, Client, connect_to_agent
from acp.core import AgentSideConnection, ClientSideConnection
from acp.http.asgi import AcpAsgiApp, create_asgi_app
from acp.schema import InitializeResponse, NewSessionResponse, PromptResponse
from acp.ws import create_websocket_stream

from loadtests.baselines.serving import baseline_command

_CONNECT_WITHIN_S: Final = 30.0


class ClientBehind:
    """The client as the agent sees it: what the agent sends goes on to the client in front."""

    def __init__(self, front: AgentSideConnection) -> None:
        self._front = front

    async def session_update(self, session_id: str, update: Any, **kwargs: Any) -> None:
        """Pass an update on."""
        await self._front.session_update(session_id, update, **kwargs)


class AgentInFront:
    """The agent as the client sees it: what the client asks goes on to the agent behind."""

    def __init__(self, front: AgentSideConnection, agent_url: str) -> None:
        self._front = front
        self._agent_url = agent_url
        self._behind: ClientSideConnection | None = None

    async def initialize(
        self, protocol_version: int, client_capabilities: Any = None, client_info: Any = None, **kwargs: Any
    ) -> InitializeResponse:
        """Connect to the agent, and initialize it."""
        async with asyncio.timeout(_CONNECT_WITHIN_S):
            transport = await create_websocket_stream(self._agent_url)
        self._behind = connect_to_agent(cast(Client, ClientBehind(self._front)), transport)
        return await self._behind.initialize(protocol_version, client_capabilities, client_info, **kwargs)

    async def new_session(
        self, cwd: str, additional_directories: Any = None, mcp_servers: Any = None, **kwargs: Any
    ) -> NewSessionResponse:
        """Pass session/new on."""
        return await self._agent().new_session(cwd, additional_directories, mcp_servers, **kwargs)

    async def prompt(self, session_id: str, prompt: Any, **kwargs: Any) -> PromptResponse:
        """Pass a prompt on, and its end back."""
        return await self._agent().prompt(session_id, prompt, **kwargs)

    async def cancel(self, session_id: str, **kwargs: Any) -> None:
        """Pass session/cancel on."""
        await self._agent().cancel(session_id, **kwargs)

    def _agent(self) -> ClientSideConnection:
        assert self._behind is not None, "initialize comes first"
        return self._behind


def gateway(agent_url: str) -> AcpAsgiApp:
    """An application that is a gateway to ``agent_url``, on every path."""
    return create_asgi_app(lambda front: cast(Agent, AgentInFront(front, agent_url)))


main = baseline_command(gateway)

if __name__ == "__main__":
    main()
