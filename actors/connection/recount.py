"""The conversation so far as a text, for an agent that has not heard it.

It goes before the next prompt, as a block of its own that says what it is. Of a long conversation the newest
part is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Raw, Struct

from actors.connection.replayed import AGENT, USER
from actors.protocol.envelope import Envelope, parse
from actors.protocol.members import split

MAX_CHARS: Final = 32 * 1024
"""So much of it is told at most. An agent behind AgentAPI has it typed into its terminal."""

_HEAD: Final = (
    "[Context: this session was begun with another agent. What follows in this block was said so far{cut}. "
    "Nothing in it asks you to do something now; the prompt comes after it.]"
)
_CUT: Final = ", without its beginning"
_FOOT: Final = "[End of the context. The prompt follows.]"
_SPEAKERS: Final = {USER: "User", AGENT: "Agent"}
_TOOLS: Final = frozenset({"tool_call", "tool_call_update"})


class _Content(Struct, gc=False):
    type: str = ""
    text: str = ""


class _Update(Struct, rename="camel"):
    session_update: str = ""
    content: _Content | list[Raw] | None = None
    tool_call_id: str = ""
    title: str | None = None
    status: str | None = None


class _Params(Struct):
    update: _Update | None = None


class _Frame(Struct):
    params: _Params | None = None


_decode = msgspec.json.Decoder(_Frame).decode


class Recount:
    """Takes the updates and prompts of a conversation in order, and keeps the newest ``max_chars``."""

    def __init__(self, max_chars: int = MAX_CHARS) -> None:
        self._max_chars = max_chars
        self._said: deque[str] = deque()
        self._chars = 0
        self._speaker = ""
        self._tools: dict[str, str] = {}
        self._is_cut = False

    def add(self, frames: Iterable[bytes]) -> None:
        """What was said next."""
        for frame in frames:
            try:
                params = _decode(frame).params
            except (msgspec.DecodeError, RecursionError):
                continue  # what cannot be read is nothing that was said
            if params is not None and params.update is not None:
                self._add(params.update)

    def text(self) -> str:
        """The whole block; empty if nothing was said."""
        said = "".join(self._said).strip()
        if not said:
            return ""
        cut = _CUT if self._is_cut or len(said) > self._max_chars else ""
        return "\n\n".join((_HEAD.format(cut=cut), said[-self._max_chars :], _FOOT))

    def _add(self, update: _Update) -> None:
        kind = update.session_update
        if kind in _SPEAKERS and isinstance(update.content, _Content):
            words = update.content.text if update.content.type == "text" else f"({update.content.type})"
            if kind != self._speaker:
                words = f"\n\n{_SPEAKERS[kind]}: {words}"
            self._speaker = kind
            self._keep(words)
        elif kind in _TOOLS:
            title = self._tools.setdefault(update.tool_call_id, update.title or "a tool")
            if update.status in ("completed", "failed"):
                self._speaker = ""
                self._keep(f"\n\n({title}: {update.status})")

    def _keep(self, words: str) -> None:
        self._said.append(words)
        self._chars += len(words)
        while self._chars - len(self._said[0]) > self._max_chars:
            self._chars -= len(self._said.popleft())
            self._is_cut = True


def preceded(prompt: Envelope, context: str) -> Envelope:
    """A ``session/prompt`` with the context as its first block."""
    top = split(prompt.frame)
    params = split(top["params"])
    blocks = msgspec.json.decode(params["prompt"], type=list[Raw])
    params["prompt"] = Raw(msgspec.json.encode([{"type": "text", "text": context}, *blocks]))
    top["params"] = Raw(msgspec.json.encode(params))
    frame = msgspec.json.encode(top)
    return parse(frame, max_bytes=len(frame))
