"""A prompt of ACP as the one text that AgentAPI takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from actors.errors import FrameTooLargeError, InvalidParamsError
from actors.protocol.members import decode

MAX_BODY_BYTES: Final = 1024 * 1024
"""The largest body that AgentAPI reads."""

# The text is typed into a terminal: a control character in it would be a key that nobody pressed.
_KEYS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class _Resource(Struct):
    uri: str = ""
    text: str | None = None


class _Block(Struct):
    type: str
    text: str = ""
    name: str = ""
    uri: str = ""
    resource: _Resource | None = None


def body_of(prompt: Sequence[Raw]) -> tuple[str, bytes]:
    """The text, and the body of the ``POST /message`` that says it.

    Raises InvalidParamsError (no text, or what is not text) or FrameTooLargeError.
    """
    text = "\n\n".join(_text_of(index, block) for index, block in enumerate(prompt))
    text = _KEYS.sub("", text.replace("\r\n", "\n")).strip()
    if not text:
        raise InvalidParamsError("params.prompt: has no text")
    body = msgspec.json.encode({"content": text, "type": "user"})
    if len(body) > MAX_BODY_BYTES:
        raise FrameTooLargeError(f"a prompt of {len(body)} bytes; this agent reads {MAX_BODY_BYTES}")
    return text, body


def _text_of(index: int, raw: Raw) -> str:
    try:
        block = decode(raw, _Block)
    except msgspec.DecodeError as error:
        raise InvalidParamsError(f"params.prompt[{index}]: {error}") from None
    if block.type == "text":
        return block.text
    if block.type == "resource_link":
        return f"{block.name}: {block.uri}" if block.name else block.uri
    if block.type == "resource" and block.resource is not None and block.resource.text is not None:
        return f"{block.resource.uri}:\n{block.resource.text}"
    raise InvalidParamsError(f"params.prompt[{index}]: this agent takes text, not {block.type}")
