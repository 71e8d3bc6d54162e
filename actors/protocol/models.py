"""What the gateway itself reads of ACP's parameters and results. All else stays JSON text and passes through.

Unknown members are allowed everywhere. ``Raw`` members hold JSON text that is not looked into; their repr
shows nothing of it, since MCP servers carry credentials and prompts carry code.

Source: https://agentclientprotocol.com/protocol/v1/schema.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from actors.errors import InvalidParamsError
from actors.protocol.members import decode, split

_ABSOLUTE: Final = re.compile(r"(?:/|\\\\|[A-Za-z]:[\\/])[^\0]*", re.DOTALL)


class _Wire(Struct, frozen=True, gc=False, kw_only=True, rename="camel"):
    """Members are camelCase on the wire; ``_meta`` is in every type of the schema."""

    meta: Raw | UnsetType = msgspec.field(default=UNSET, name="_meta")


class Cursor(Struct, frozen=True, gc=False):
    """A place in a session's stream: ``_meta.lumilink`` of an event, or of a client that comes back."""

    seq: Annotated[int, Meta(ge=0)]
    epoch: str | None = None


class InitializeParams(_Wire, frozen=True):
    """``initialize``, as a client sends it. The version is an integer; older clients send a string."""

    protocol_version: int | str
    client_capabilities: Raw | UnsetType = UNSET
    client_info: Raw | UnsetType = UNSET


class InitializeResult(_Wire, frozen=True):
    """``initialize``, as an agent answers it."""

    protocol_version: int | str
    agent_capabilities: Raw | UnsetType = UNSET
    auth_methods: Raw | UnsetType = UNSET
    agent_info: Raw | UnsetType = UNSET


class AuthenticateParams(_Wire, frozen=True):
    """``authenticate``."""

    method_id: str


class NewSessionParams(_Wire, frozen=True):
    """``session/new``. ``cwd`` and ``additional_directories`` are absolute paths."""

    cwd: str
    mcp_servers: Raw
    additional_directories: list[str] | None = None

    def __post_init__(self) -> None:
        _check_paths(self.cwd, self.additional_directories)


class NewSessionResult(_Wire, frozen=True):
    """``session/new`` and ``session/fork``, as an agent answers them; the id is the agent's own."""

    session_id: str
    modes: Raw | UnsetType = UNSET
    config_options: Raw | UnsetType = UNSET


class SessionParams(_Wire, frozen=True):
    """The parameters of a method on a session, where only the session matters: ``session/close``, ..."""

    session_id: str


class LoadSessionParams(SessionParams, frozen=True):
    """``session/load``."""

    cwd: str
    mcp_servers: Raw
    additional_directories: list[str] | None = None

    def __post_init__(self) -> None:
        _check_paths(self.cwd, self.additional_directories)


class ResumeSessionParams(SessionParams, frozen=True):
    """``session/resume`` and ``session/fork``."""

    cwd: str
    mcp_servers: Raw | UnsetType = UNSET
    additional_directories: list[str] | None = None

    def __post_init__(self) -> None:
        _check_paths(self.cwd, self.additional_directories)


class ListSessionsParams(_Wire, frozen=True):
    """``session/list``. ``cursor`` is the ``nextCursor`` of the page before."""

    cwd: str | None = None
    cursor: str | None = None

    def __post_init__(self) -> None:
        if self.cwd is not None:
            _check_paths(self.cwd, None)


class PromptParams(SessionParams, frozen=True):
    """``session/prompt``; each block of the prompt is JSON text."""

    prompt: list[Raw]


class PromptResult(_Wire, frozen=True):
    """``session/prompt``, as an agent answers it: the end of a turn."""

    stop_reason: str


class CancelParams(SessionParams, frozen=True):
    """``session/cancel``."""


class CancelRequestParams(_Wire, frozen=True):
    """``$/cancel_request``; the id is JSON text, as its sender spelled it."""

    request_id: Raw


class UpdateParams(SessionParams, frozen=True):
    """``session/update``."""

    update: Raw


class UpdateKind(Struct, frozen=True, gc=False, rename="camel"):
    """Which update an ``update`` is, such as ``agent_message_chunk``."""

    session_update: str


class PermissionOption(_Wire, frozen=True):
    """One answer that a client may choose; ``kind`` is ``allow_once``, ``reject_always``, ..."""

    option_id: str
    name: str
    kind: str


class PermissionParams(SessionParams, frozen=True):
    """``session/request_permission``."""

    tool_call: Raw
    options: list[PermissionOption]


class PermissionOutcome(Struct, frozen=True, gc=False, rename="camel"):
    """``selected`` with the option, or ``cancelled`` without."""

    outcome: str
    option_id: str | None = None


class PermissionResult(_Wire, frozen=True):
    """``session/request_permission``, as a client answers it."""

    outcome: PermissionOutcome


class _OurMeta(Struct):
    lumilink: Raw | UnsetType = UNSET


def cursor_of(meta: Raw | UnsetType) -> Cursor | None:
    """The cursor in ``_meta.lumilink``, ``None`` where there is none; InvalidParamsError if malformed."""
    if meta is UNSET or bytes(meta) == b"null":
        return None
    try:
        ours = decode(meta, _OurMeta).lumilink
        if ours is UNSET or "seq" not in split(ours):
            return None
        return decode(ours, Cursor)
    except msgspec.DecodeError:
        raise InvalidParamsError(
            "_meta.lumilink: expected an object with an integer seq of 0 or more"
        ) from None


def _check_paths(cwd: str, more: list[str] | None) -> None:
    if not _ABSOLUTE.fullmatch(cwd):
        raise InvalidParamsError("params.cwd: expected an absolute path")
    for index, path in enumerate(more or ()):
        if not _ABSOLUTE.fullmatch(path):
            raise InvalidParamsError(f"params.additionalDirectories[{index}]: expected an absolute path")
