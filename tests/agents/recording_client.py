"""An ACP client that keeps what it is told, answers every permission the same way, and owns one folder."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from acp import Client
from acp.schema import (
    AgentMessageChunk,
    AllowedOutcome,
    PermissionOption,
    RequestPermissionResponse,
    TextContentBlock,
    ToolCallProgress,
    ToolCallStart,
    ToolCallUpdate,
)


@dataclass(frozen=True, slots=True)
class PermissionAsked:
    """A ``session/request_permission``: for which call, and what was in the folder at that moment."""

    session_id: str
    tool_call_id: str
    files: frozenset[str]


class RecordingClient:
    """The client's side of one connection. ``answer`` is the kind of the option it picks when asked.

    It offers neither file system nor terminals, so an agent works on the disk by itself, and is told
    ``method not found`` if it asks nevertheless.
    """

    def __init__(self, workspace: Path, *, answer: str = "allow_once") -> None:
        self.workspace = workspace
        self.permissions: list[PermissionAsked] = []
        self.updates: list[tuple[str, object]] = []
        self.text_arrived = asyncio.Event()
        self._answer = answer

    def as_acp(self) -> Client:
        """Itself, for the SDK: its interface also names the methods of what isn't offered."""
        return cast(Client, self)

    @property
    def chunks(self) -> list[str]:
        """The agent's text as it came, piece by piece."""
        messages = [update.content for _, update in self.updates if isinstance(update, AgentMessageChunk)]
        return [content.text for content in messages if isinstance(content, TextContentBlock)]

    @property
    def tool_calls(self) -> dict[str, list[str]]:
        """Each tool call's states in order, those that were told; the first is that of its announcement."""
        calls: dict[str, list[str]] = {}
        for _, update in self.updates:
            if isinstance(update, ToolCallStart | ToolCallProgress):
                calls.setdefault(update.tool_call_id, []).extend([update.status] if update.status else [])
        return calls

    async def session_update(self, session_id: str, update: object, **_meta: object) -> None:
        self.updates.append((session_id, update))
        if isinstance(update, AgentMessageChunk):
            self.text_arrived.set()

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **_meta: object
    ) -> RequestPermissionResponse:
        files = frozenset(file.name for file in self.workspace.iterdir())
        self.permissions.append(PermissionAsked(session_id, tool_call.tool_call_id, files))
        chosen = next(option for option in options if option.kind == self._answer)
        return RequestPermissionResponse(
            outcome=AllowedOutcome(outcome="selected", option_id=chosen.option_id)
        )
