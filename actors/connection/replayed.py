"""What an update of an agent says, read so that two of them can be compared.

``_meta``, ids of sessions and messages, annotations of texts and the order of members are not compared.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from actors.errors import ParseError
from actors.protocol.members import decode, split

USER: Final = "user_message_chunk"
AGENT: Final = "agent_message_chunk"
THOUGHT: Final = "agent_thought_chunk"
_SAID: Final = frozenset({USER, AGENT, THOUGHT})

_FINISHED: Final = frozenset({b'"completed"', b'"failed"'})
NO_FIELDS: Final = frozenset({"sessionUpdate", "toolCallId", "_meta"})
_NOT_COMPARED: Final = ("_meta", "sessionId", "sessionUpdate")


class Chunk(Struct, frozen=True, gc=False):
    """A piece of a message. A block that is no text stands as a text that nobody would write."""

    kind: str
    text: str


class ToolUpdate(Struct, frozen=True):
    """A ``tool_call`` (``creates``) or a ``tool_call_update``, with its fields' digests."""

    tool_id: str
    fields: dict[str, bytes]
    creates: bool
    finishes: bool


class State(Struct, frozen=True, gc=False):
    """Any other update."""

    kind: str
    value: bytes


Update: TypeAlias = Chunk | ToolUpdate | State


class _TextContent(Struct, gc=False):
    type: Literal["text"]
    text: str


class _TextUpdate(Struct, gc=False):
    kind: Literal["user_message_chunk", "agent_message_chunk", "agent_thought_chunk"] = msgspec.field(
        name="sessionUpdate"
    )
    content: _TextContent


class _TextParams(Struct, gc=False):
    update: _TextUpdate


class _TextFrame(Struct, gc=False):
    """What most of a conversation consists of, read in one pass."""

    method: Literal["session/update"]
    params: _TextParams


_decode_text_frame = msgspec.json.Decoder(_TextFrame).decode


def read(frame: bytes) -> Update:
    """What an update says. One that cannot be read is a state with no kind."""
    try:
        update = _decode_text_frame(frame).params.update
    except (msgspec.DecodeError, RecursionError):
        pass
    else:
        return Chunk(update.kind, update.content.text)
    try:
        return _read_other(frame)
    except (msgspec.DecodeError, ParseError):
        return State("", digest(Raw(frame)))


def _read_other(frame: bytes) -> Update:
    top = split(frame)
    params = top.get("params", Raw(b"{}"))
    method = decode(top["method"], str) if "method" in top else ""
    if method != "session/update":
        return State(method, digest(params))
    update = split(params).get("update", Raw(b"{}"))
    members = split(update)
    kind = decode(members.get("sessionUpdate", Raw(b'""')), str)
    if kind in _SAID:
        block = digest(members.get("content", Raw(b"null")))
        return Chunk(kind, f"\x00{block.hex()}\x00")
    if kind in ("tool_call", "tool_call_update") and "toolCallId" in members:
        # A field that is null is one that the update does not name.
        told = {n: v for n, v in members.items() if n not in NO_FIELDS and bytes(v) != b"null"}
        return ToolUpdate(
            decode(members["toolCallId"], str),
            {name: digest(value) for name, value in told.items()},
            creates=kind == "tool_call",
            finishes=bytes(told.get("status", b"")) in _FINISHED,
        )
    return State(kind, digest(update))


def digest(text: bytes | Raw) -> bytes:
    """Equal for JSON texts of one meaning, whatever their spelling, order and ``_meta``."""
    try:
        value = msgspec.json.decode(text)
        if isinstance(value, dict):
            for name in _NOT_COMPARED:
                value.pop(name, None)
        said = msgspec.json.encode(value, order="deterministic")
    except (msgspec.DecodeError, RecursionError):
        said = bytes(text)
    return blake2b(said, digest_size=16).digest()
