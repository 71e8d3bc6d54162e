"""What an AgentAPI server says: its answers and the events of its stream, read into values of ours.

Its events have a name each, but the name tells nothing that the members do not: a message has a role, a
change of status a status, an error a level. So ``EventReader``, which gives the data alone, is enough.

Source: AgentAPI 0.12, ``/openapi.json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from actors.errors import AgentProtocolError

RUNNING: Final = "running"
STABLE: Final = "stable"
USER: Final = "user"


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the conversation as it is now. ``number`` counts up from 0 and gives the order."""

    number: int
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class StatusChange:
    """The agent works (``running``) or waits for a message (``stable``)."""

    status: str


@dataclass(frozen=True, slots=True)
class AgentFault:
    """Something went wrong in or around the agent; ``level`` is ``error`` or ``warning``."""

    level: str
    text: str
    time: datetime | None


AgentEvent: TypeAlias = Said | StatusChange | AgentFault


class AgentStatus(Struct, frozen=True):
    """The answer to ``GET /status``. Servers of before version 0.12 name no transport."""

    status: str
    agent_type: str = ""
    transport: str = "pty"


class _Event(Struct):
    id: int | None = None
    role: str | None = None
    message: str = ""
    status: str | None = None
    level: str | None = None
    time: datetime | None = None


class _Message(Struct):
    id: int
    role: str
    content: str


class _Messages(Struct):
    messages: list[_Message]


class _Uploaded(Struct, rename="camel"):
    file_path: str


class _ErrorDetail(Struct):
    message: str = ""


class _Problem(Struct):
    title: str = ""
    detail: str = ""
    errors: list[_ErrorDetail] | None = None


_decode_event = msgspec.json.Decoder(_Event).decode
_SHOWN_CHARS: Final = 500


def read_event(data: bytes) -> AgentEvent | None:
    """The event, or None for one of a kind that is not known here. Raises AgentProtocolError for no JSON."""
    try:
        event = _decode_event(data)
    except (msgspec.DecodeError, RecursionError):
        raise AgentProtocolError("the agent sent an event that cannot be read") from None
    if event.role is not None and event.id is not None:
        return Said(event.id, event.role, event.message)
    if event.status is not None:
        return StatusChange(event.status)
    if event.level is not None:
        return AgentFault(event.level, event.message, event.time)
    return None


def read_status(body: bytes) -> AgentStatus:
    """The answer to ``GET /status``. Raises AgentProtocolError."""
    try:
        return msgspec.json.decode(body, type=AgentStatus)
    except (msgspec.DecodeError, RecursionError):
        raise AgentProtocolError("GET /status was not answered as AgentAPI does") from None


def read_messages(body: bytes) -> list[Said]:
    """The answer to ``GET /messages``, in order. Raises AgentProtocolError."""
    try:
        found = msgspec.json.decode(body, type=_Messages).messages
    except (msgspec.DecodeError, RecursionError):
        raise AgentProtocolError("GET /messages was not answered as AgentAPI does") from None
    return [Said(one.id, one.role, one.content) for one in found]


def read_path(body: bytes) -> str:
    """The answer to ``POST /upload``: where the file is. Raises AgentProtocolError."""
    try:
        return msgspec.json.decode(body, type=_Uploaded).file_path
    except (msgspec.DecodeError, RecursionError):
        raise AgentProtocolError("POST /upload was not answered as AgentAPI does") from None


def read_cause(body: bytes) -> str:
    """Why a request was refused. The title may say no more than "unexpected": the cause is in the errors."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.DecodeError, RecursionError):
        return body.decode(errors="replace").strip()[:_SHOWN_CHARS]
    causes = [one.message for one in problem.errors or () if one.message]
    return (causes[0] if causes else problem.detail or problem.title)[:_SHOWN_CHARS]
