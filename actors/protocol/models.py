"""What the gateway itself reads of ACP's parameters and results. All else stays JSON text and passes through.

Unknown members are allowed everywhere. ``Raw`` members hold JSON text that is not looked into; their repr
shows nothing of it, since MCP servers carry credentials and prompts carry code.

Source: https://agentclientprotocol.com/protocol/v1/schema.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from actors.errors import InvalidParamsError

_ABSOLUTE: Final = re.compile(r"(?:/|\\\\|[A-Za-z]:[\\/])[^\0]*", re.DOTALL)


class _Wire(Struct, frozen=True, gc=False, kw_only=True, rename="camel"):
    """Members are camelCase on the wire; ``_meta`` is in every type of the schema."""

    meta: Raw | UnsetType = msgspec.field(default=UNSET, name="_meta")


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


class CancelRequestParams(_Wire, frozen=True):
    """``$/cancel_request``; the id is JSON text, as its sender spelled it."""

    request_id: Raw


def _check_paths(cwd: str, more: list[str] | None) -> None:
    if not _ABSOLUTE.fullmatch(cwd):
        raise InvalidParamsError("params.cwd: expected an absolute path")
    for index, path in enumerate(more or ()):
        if not _ABSOLUTE.fullmatch(path):
            raise InvalidParamsError(f"params.additionalDirectories[{index}]: expected an absolute path")
