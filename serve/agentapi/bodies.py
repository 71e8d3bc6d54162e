"""The bodies of AgentAPI, and ours beside them. What is served as their JSON Schema is made from these.

Source: AgentAPI 0.12, ``/openapi.json``. Members that it does not have are LumiLink's own, and optional.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

SCHEMAS: Final = "/sessions/schemas/"


class _Camel(Struct, rename="camel", omit_defaults=True):
    """Members of ours are camelCase; those of AgentAPI keep their names."""


# ---------------------------------------------------------------------- what is asked


class MessageRequest(Struct, forbid_unknown_fields=True):
    """``POST message``."""

    content: str
    type: Literal["user", "raw"]


class SessionRequest(_Camel, forbid_unknown_fields=True):
    """``POST /sessions``: a new session in a working directory, an absolute path."""

    cwd: str
    workspace_id: str | None = None
    container_id: str | None = None
    mcp_servers: list[Raw] = []


class ActionRequest(_Camel, forbid_unknown_fields=True):
    """``POST action``: the answer to a question.

    For a permission ``optionId``, for an elicitation ``content``; or ``cancel``. ``result`` is what the
    agent's request is answered with, word for word.
    """

    id: str
    option_id: str | None = None
    content: dict[str, Raw] | None = None
    cancel: bool = False
    result: Raw | UnsetType = UNSET


# ---------------------------------------------------------------------- what is answered


class StatusBody(_Camel):
    """``GET status``. ``stale``: the session is out of reach now, and this is what was known last."""

    status: Literal["running", "stable"]
    agent_type: str = msgspec.field(name="agent_type")
    transport: Literal["acp", "pty"]
    stale: bool = False


class MessageBody(Struct):
    """One message."""

    id: int
    role: Literal["user", "agent"]
    content: str
    time: str


class MessagesBody(Struct):
    """``GET messages``."""

    messages: list[MessageBody]


class OkBody(_Camel):
    """``POST message``, ``action``, ``cancel``."""

    ok: bool


class UploadBody(_Camel):
    """``POST upload``: where the file is, for the agent."""

    ok: bool
    file_path: str


class OptionBody(_Camel):
    """A possible answer to a permission."""

    id: str
    name: str = ""
    kind: str = ""


class ActionBody(_Camel):
    """What the agent asks; ``params`` are those of its request."""

    id: str
    type: Literal["permission", "elicitation"]
    title: str
    options: list[OptionBody]
    params: Raw


class ActionsBody(_Camel):
    """``GET action``."""

    actions: list[ActionBody]


class SessionBody(_Camel):
    """``POST /sessions``."""

    session_id: str
    url: str


class SessionRow(_Camel):
    """One session of a list. ``turn`` is ``idle``, ``running``, or ``waiting`` for an answer."""

    session_id: str
    cwd: str
    updated_at: str
    url: str
    title: str | None = None
    workspace_id: str | None = None
    turn: str | None = None


class SessionsBody(_Camel):
    """``GET /sessions``."""

    sessions: list[SessionRow]
    next_cursor: str | None = None


class Detail(Struct, omit_defaults=True):
    """One cause of an error."""

    message: str
    location: str = ""


class ErrorBody(_Camel):
    """An error: AgentAPI's members, then those of every error of LumiLink."""

    title: str
    status: int
    detail: str
    errors: list[Detail]
    code: str
    category: str
    retryable: Annotated[bool, msgspec.Meta(description="whether a repeat may succeed")]
    recovery: str
    type: str = "about:blank"
    retry_after: float | None = None


_BODIES: Final[dict[str, type[Struct]]] = {
    "StatusBody": StatusBody,
    "MessagesBody": MessagesBody,
    "OkBody": OkBody,
    "UploadBody": UploadBody,
    "ActionsBody": ActionsBody,
    "SessionBody": SessionBody,
    "SessionsBody": SessionsBody,
    "ErrorBody": ErrorBody,
    "MessageRequest": MessageRequest,
    "SessionRequest": SessionRequest,
    "ActionRequest": ActionRequest,
}


def schema_of(name: str) -> dict[str, object] | None:
    """The JSON Schema that a body's ``$schema`` names; None if there is none."""
    body = _BODIES.get(name)
    return None if body is None else msgspec.json.schema(body)


def with_schema(base: str, body: Struct) -> bytes:
    """The body as JSON, with a ``$schema`` in front, as AgentAPI has it. ``base`` is our own URL."""
    named = msgspec.json.encode(f"{base}{SCHEMAS}{type(body).__name__}.json")
    text = msgspec.json.encode(body)
    return b'{"$schema":' + named + (b"," if len(text) > 2 else b"") + text[1:]
