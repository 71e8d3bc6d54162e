"""What an agent says and does in ACP, as the text that AgentAPI has for all of it."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from actors.protocol.members import decode

MAX_TOOLS: Final = 256

_OUTCOMES: Final = {"completed": "done", "failed": "failed"}


class _Resource(Struct):
    uri: str = ""
    text: str | None = None


class _Block(Struct):
    type: str = ""
    text: str = ""
    name: str = ""
    uri: str = ""
    resource: _Resource | None = None


class ToolCall(Struct, rename="camel"):
    """What of a ``tool_call`` or ``tool_call_update`` is told."""

    tool_call_id: str = ""
    title: str | None = None
    kind: str | None = None
    status: str | None = None


def text_of(content: bytes | msgspec.Raw) -> str:
    """A content block as text; of what is none, that it is there. Empty if it is no block at all."""
    try:
        block = decode(content, _Block)
    except msgspec.DecodeError:
        return ""
    if block.type == "text":
        return block.text
    if block.type == "resource_link":
        return f"{block.name}: {block.uri}" if block.name else block.uri
    if block.type == "resource" and block.resource is not None:
        return block.resource.text or block.resource.uri
    return f"[{block.type}]" if block.type else ""


class ToolLines:
    """Tool calls as lines: one when a call is made, one when it is over.

    The newest 256 calls are known; an update of one before them tells what it says itself.
    """

    def __init__(self) -> None:
        self._known: dict[str, ToolCall] = {}

    def line(self, told: ToolCall) -> str:
        """The line to show for it with its line's end; empty if there is nothing new to show."""
        before = self._known.pop(told.tool_call_id, None)
        now = ToolCall(
            told.tool_call_id,
            told.title or (before.title if before else None),
            told.kind or (before.kind if before else None),
            told.status or (before.status if before else None),
        )
        self._known[told.tool_call_id] = now
        if len(self._known) > MAX_TOOLS:
            del self._known[next(iter(self._known))]
        over = _OUTCOMES.get(now.status or "")
        if before is not None and (over is None or before.status == now.status):
            return ""
        title = " ".join((now.title or "").split()) or now.tool_call_id
        return f"[{now.kind or 'tool'}] {title}" + (f": {over}\n" if over else "\n")
