"""OpenAI's chat completions API, as much of it as OpenCode uses (platform.openai.com: Chat Completions)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
from stub_script import Question, Reply, Tool, ToolCall


class _Part(msgspec.Struct):
    type: str
    text: str = ""


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None

    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content or [])


class _Schema(msgspec.Struct):
    properties: dict[str, msgspec.Raw] = {}


class _Function(msgspec.Struct):
    name: str
    parameters: _Schema = msgspec.field(default_factory=_Schema)


class _Tool(msgspec.Struct):
    function: _Function


class _Body(msgspec.Struct):
    messages: list[_Message]
    tools: list[_Tool] = []


def read(body: bytes) -> Question:
    """Read one request's body. Raises ``msgspec.ValidationError`` if it is none."""
    asked = msgspec.json.decode(body, type=_Body)
    prompts = [message.text() for message in asked.messages if message.role == "user"]
    return Question(
        prompt=prompts[-1] if prompts else "",
        tools=tuple(
            Tool(tool.function.name, frozenset(tool.function.parameters.properties)) for tool in asked.tools
        ),
        tool_answered=bool(asked.messages) and asked.messages[-1].role == "tool",
    )


def whole(reply: Reply, model: str) -> bytes:
    """The answer to a request that doesn't stream."""
    message: dict[str, object] = {"role": "assistant", "content": reply.text}
    if reply.call:
        message["tool_calls"] = [_tool_call(reply.call)]
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(reply)}
    return msgspec.json.encode(_completion("chat.completion", model, choice) | {"usage": _usage(reply)})


async def stream(reply: Reply, model: str) -> AsyncIterator[bytes]:
    """The answer as server-sent events, each word when it is due."""
    yield _chunk(model, {"role": "assistant", "content": ""})
    for word in reply.words:
        await asyncio.sleep(reply.interval_s)
        yield _chunk(model, {"content": word})
    if reply.call:
        yield _chunk(model, {"tool_calls": [{"index": 0, **_tool_call(reply.call)}]})
    yield _chunk(model, {}, finish_reason=_finish_reason(reply), usage=_usage(reply))
    yield b"data: [DONE]\n\n"


def _finish_reason(reply: Reply) -> str:
    return "tool_calls" if reply.call else "stop"


def _tool_call(call: ToolCall) -> dict[str, object]:
    arguments = msgspec.json.encode(call.arguments).decode()
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _usage(reply: Reply) -> dict[str, int]:
    return {"prompt_tokens": 1, "completion_tokens": len(reply.words), "total_tokens": 1 + len(reply.words)}


def _completion(kind: str, model: str, choice: dict[str, object]) -> dict[str, object]:
    return {"id": "chatcmpl-stub", "object": kind, "created": 0, "model": model, "choices": [choice]}


def _chunk(
    model: str, delta: dict[str, object], *, finish_reason: str | None = None, **more: object
) -> bytes:
    choice: dict[str, object] = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: %b\n\n" % msgspec.json.encode(_completion("chat.completion.chunk", model, choice) | more)
