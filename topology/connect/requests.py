"""The editor's requests that have no answer yet, and what becomes of each when the connection is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from actors.protocol import rewrite
from actors.protocol.envelope import Envelope, parse

MAX_OPEN: Final = 1024

PROMPT: Final = "session/prompt"
INITIALIZE: Final = "initialize"
LOADS: Final = frozenset({"session/load", "session/resume"})
MAKES: Final = frozenset({"session/new", "session/fork"})
ENDS: Final = frozenset({"session/close", "session/delete"})
_REPEATED: Final = frozenset({PROMPT, INITIALIZE})
"""What may be sent twice: a prompt runs once by its ``promptId``; ``initialize`` begins every connection."""


@dataclass(slots=True)
class EditorRequest:
    """One request, as it goes to the gateway. ``is_sent`` tells whether a connection has carried it."""

    message: Envelope
    is_sent: bool = False

    @property
    def method(self) -> str:
        """Its method."""
        return self.message.method or ""

    @property
    def survives(self) -> bool:
        """Whether the loss of the connection leaves it open."""
        return not self.is_sent or self.method in _REPEATED

    def under(self, own_id: str) -> bytes:
        """The same request under another id."""
        return rewrite.with_id(self.message, own_id)


class _LumiLink(msgspec.Struct):
    prompt_id: str | None = msgspec.field(default=None, name="promptId")


class _Meta(msgspec.Struct):
    lumilink: _LumiLink | None = None


class _Params(msgspec.Struct):
    meta: _Meta | None = msgspec.field(default=None, name="_meta")


class _Frame(msgspec.Struct):
    params: _Params


_decode = msgspec.json.Decoder(_Frame).decode


def with_prompt_id(prompt: Envelope, prompt_id: str) -> Envelope:
    """The prompt with ``prompt_id`` in ``params._meta.lumilink``, unless it bears one of the editor's own."""
    try:
        meta = _decode(prompt.frame).params.meta
    except msgspec.DecodeError:
        meta = None
    if meta is not None and meta.lumilink is not None and meta.lumilink.prompt_id is not None:
        return prompt
    return parse(rewrite.with_meta(prompt.frame, {"promptId": prompt_id}))
