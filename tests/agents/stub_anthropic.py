"""Anthropic's Messages API, as much of it as Claude Code uses (docs.anthropic.com: Messages, Streaming)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import msgspec
from stub_script import Question, Reply, Tool, ToolCall


class _Block(msgspec.Struct):
    type: str
    text: str = ""


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Block]

    def blocks(self) -> list[_Block]:
        return [_Block("text", self.content)] if isinstance(self.content, str) else self.content


class _Schema(msgspec.Struct):
    properties: dict[str, msgspec.Raw] = {}


class _Tool(msgspec.Struct):
    name: str
    input_schema: _Schema = msgspec.field(default_factory=_Schema)


class _Body(msgspec.Struct):
    messages: list[_Message]
    tools: list[_Tool] = []


def read(body: bytes) -> Question:
    """Read one request's body. Raises ``msgspec.ValidationError`` if it is none."""
    asked = msgspec.json.decode(body, type=_Body)
    of_user = [message.blocks() for message in asked.messages if message.role == "user"]
    prompts = [
        "\n".join(b.text for b in blocks if b.type == "text") for blocks in of_user if not _is_result(blocks)
    ]
    return Question(
        prompt=prompts[-1] if prompts else "",
        tools=tuple(Tool(tool.name, frozenset(tool.input_schema.properties)) for tool in asked.tools),
        tool_answered=bool(of_user) and _is_result(of_user[-1]),
    )


def whole(reply: Reply, model: str) -> bytes:
    """The answer to a request that doesn't stream."""
    content: list[dict[str, object]] = [{"type": "text", "text": reply.text}]
    if reply.call:
        content.append(_tool_use(reply.call) | {"input": reply.call.arguments})
    return msgspec.json.encode(_message(model) | {"content": content, "stop_reason": _stop_reason(reply)})


async def stream(reply: Reply, model: str) -> AsyncIterator[bytes]:
    """The answer as server-sent events, each word when it is due."""
    yield _event("message_start", message=_message(model))
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for word in reply.words:
        await asyncio.sleep(reply.interval_s)
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
    yield _event("content_block_stop", index=0)
    if reply.call:
        arguments = msgspec.json.encode(reply.call.arguments).decode()
        yield _event("content_block_start", index=1, content_block=_tool_use(reply.call))
        yield _event(
            "content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": arguments}
        )
        yield _event("content_block_stop", index=1)
    ending = {"stop_reason": _stop_reason(reply), "stop_sequence": None}
    yield _event("message_delta", delta=ending, usage={"output_tokens": len(reply.words)})
    yield _event("message_stop")


def _is_result(blocks: list[_Block]) -> bool:
    return any(block.type == "tool_result" for block in blocks)


def _stop_reason(reply: Reply) -> str:
    return "tool_use" if reply.call else "end_turn"


def _tool_use(call: ToolCall) -> dict[str, object]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}


def _message(model: str) -> dict[str, object]:
    return {
        "id": f"msg_{uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def _event(kind: str, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode({"type": kind, **fields}))
