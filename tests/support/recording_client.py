"""The official SDK's client: it keeps what it is told and answers every permission the same way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import acp
from acp import Client
from acp.client import ClientSideConnection
from acp.http.client import create_http_stream
from acp.schema import (
    AgentMessageChunk,
    AllowedOutcome,
    PermissionOption,
    RequestPermissionResponse,
    TextContentBlock,
    ToolCallUpdate,
    UserMessageChunk,
)
from acp.ws.client import create_websocket_stream

from support.gateway_process import GatewayProcess

DEADLINE_S = 30.0


class RecordingClient:
    """The client's side of one connection. ``answer`` is the kind of the option that it picks when asked."""

    def __init__(self, answer: str = "allow_once") -> None:
        self.answer = answer
        self.updates: list[tuple[str, object]] = []
        self.asked: list[str] = []
        self._arrived = asyncio.Condition()

    def said(self, session_id: str, kind: type = AgentMessageChunk) -> str:
        """The text of a session's updates of one kind."""
        contents = [
            cast("AgentMessageChunk | UserMessageChunk", update).content
            for named, update in self.updates
            if named == session_id and isinstance(update, kind)
        ]
        return "".join(content.text for content in contents if isinstance(content, TextContentBlock))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what arrived makes ``condition`` true."""
        async with asyncio.timeout(DEADLINE_S), self._arrived:
            await self._arrived.wait_for(condition)

    async def session_update(self, session_id: str, update: object, **_meta: object) -> None:
        """Called by the SDK."""
        async with self._arrived:
            self.updates.append((session_id, update))
            self._arrived.notify_all()

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **_meta: object
    ) -> RequestPermissionResponse:
        """Called by the SDK."""
        self.asked.append(session_id)
        chosen = next(option for option in options if option.kind == self.answer)
        return RequestPermissionResponse(
            outcome=AllowedOutcome(outcome="selected", option_id=chosen.option_id)
        )

    async def ext_notification(self, method: str, params: dict[str, object]) -> None:
        """Called by the SDK."""


@asynccontextmanager
async def sdk_connection(
    gateway: GatewayProcess, transport: str, client: RecordingClient
) -> AsyncIterator[ClientSideConnection]:
    """A connection of the SDK over ``transport`` ("websocket" or "http"), initialized."""
    if transport == "websocket":
        stream = await create_websocket_stream(gateway.acp_over_websocket)
    else:
        stream = create_http_stream(gateway.acp_over_http)
    connection = acp.connect_to_agent(cast(Client, client), stream)
    try:
        await connection.initialize(protocol_version=acp.PROTOCOL_VERSION)
        yield connection
    finally:
        await connection.close()
