"""Open questions of an agent as actions that an HTTP client can take."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct, UnsetType

from actors import errors
from serve.agentapi.bodies import ActionBody, ActionRequest, OptionBody
from serve.agentapi.watcher import OpenQuestion

PERMISSION: Final = "session/request_permission"


class _Option(Struct, rename="camel"):
    option_id: str
    name: str = ""
    kind: str = ""


class _ToolCall(Struct):
    title: str | None = None


class _Asked(Struct, rename="camel"):
    options: list[_Option] = []
    tool_call: _ToolCall = msgspec.field(default_factory=_ToolCall)
    message: str = ""


def action_of(question: OpenQuestion) -> ActionBody:
    """The question as a list shows it."""
    try:
        asked = msgspec.json.decode(question.params, type=_Asked)
    except msgspec.ValidationError:
        asked = _Asked()
    is_permission = question.method == PERMISSION
    return ActionBody(
        id=question.question_id,
        type="permission" if is_permission else "elicitation",
        title=(asked.tool_call.title if is_permission else asked.message) or question.method,
        options=[OptionBody(one.option_id, one.name, one.kind) for one in asked.options],
        params=question.params,
    )


def result_of(question: OpenQuestion, answer: ActionRequest) -> Raw:
    """What the agent is answered. Raises InvalidParamsError for what is no answer to the question."""
    if not isinstance(answer.result, UnsetType):
        return answer.result
    if question.method == PERMISSION:
        return Raw(msgspec.json.encode({"outcome": _outcome(question, answer)}))
    if answer.cancel:
        return Raw(b'{"action":"cancel"}')
    if answer.content is None:
        raise errors.InvalidParamsError("content: expected the values that the agent asks for, or cancel")
    return Raw(msgspec.json.encode({"action": "accept", "content": answer.content}))


def _outcome(question: OpenQuestion, answer: ActionRequest) -> dict[str, str]:
    if answer.cancel:
        return {"outcome": "cancelled"}
    options = [one.id for one in action_of(question).options]
    if answer.option_id not in options:
        raise errors.InvalidParamsError(f"optionId: expected one of {', '.join(options)}, or cancel")
    return {"outcome": "selected", "optionId": answer.option_id}
