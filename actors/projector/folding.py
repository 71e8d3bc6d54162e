"""Updates of an agent that make up one message: the chunks of a text, the reports on one tool call.

An agent streams a text in hundreds of chunks. A record of each would cost more than all else that is done
with it, and a credential that is spread over two chunks would be found in neither. So what follows on itself
becomes one message, up to two seconds of it; longer texts are parted where no credential can be parted.

Where a message begins and ends depends on the entries alone, never on when they are read.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from pydantic import JsonValue

from actors.journal.contract import Entry

FOLD_MS: Final = 2_000
FOLD_BYTES: Final = 64 * 1024
WORD_CHARS: Final = 4_096
"""A text that is parted by force loses up to so many characters on either side: half a word may be a key."""

CHUNKS: Final = frozenset({"agent_message_chunk", "agent_thought_chunk", "user_message_chunk"})
_TOOLS: Final = frozenset({"tool_call", "tool_call_update"})
_LOOK_BACK: Final = 80
_LEADS_TO_SECRET: Final = re.compile(
    r"(?i)(?:bearer|basic|pass\w*|secret|token|key|credential|authorization|cookie)[\"'\s]*[:=]?[\"'\s]*$|[:=]\s*$"
)


class _Update(Struct, gc=False):
    session_update: str = msgspec.field(name="sessionUpdate", default="")
    content: Raw | UnsetType = UNSET
    tool_call_id: str = msgspec.field(name="toolCallId", default="")
    message_id: str | None = msgspec.field(name="messageId", default=None)


class _Params(Struct, gc=False):
    update: _Update | UnsetType = UNSET


class _Frame(Struct, gc=False):
    method: str = ""
    params: _Params | UnsetType = UNSET


class _Content(Struct, gc=False):
    type: str = ""
    text: str | None = None


class Said(Struct, frozen=True, gc=False):
    """A notification: its ``kind`` of update, or its method; what it goes together with; its text, if any."""

    kind: str
    key: tuple[str, ...]
    text: str | None


_frames: Final = msgspec.json.Decoder(_Frame)
_contents: Final = msgspec.json.Decoder(_Content)


def said_in(message: bytes, source: str = "") -> Said:
    """What a notification says; ``source`` keeps speakers apart. Raises msgspec.DecodeError."""
    frame = _frames.decode(message)
    update = UNSET if frame.params is UNSET else frame.params.update
    if update is UNSET:
        return Said(frame.method, (source, frame.method), None)
    kind = update.session_update
    if kind in CHUNKS:
        text = None
        if update.content is not UNSET:
            content = _contents.decode(update.content)
            text = content.text if content.type == "text" else None
        return Said(kind, (source, kind, update.message_id or ""), text)
    about = update.tool_call_id if kind in _TOOLS else kind
    return Said(kind, (source, "tool" if kind in _TOOLS else "state", about), None)


class Fold:
    """One message in the making, of one entry or more. ``is_cut``: it begins in the midst of a word."""

    __slots__ = ("_blocks", "_raw", "count", "first", "is_cut", "key", "kind", "last_seq", "moments", "size")

    def __init__(self, said: Said, entry: Entry, *, is_cut: bool = False) -> None:
        self.key = said.key
        self.kind = said.kind
        self.first = entry
        self.last_seq = entry.seq
        self.is_cut = is_cut
        self.moments: list[int] = []
        """Those of its entries that have no record yet."""
        self.count = self.size = 0
        self._blocks: list[str | bytes] = []
        self._raw: list[bytes] = []

    def add(self, said: Said, entry: Entry, message: bytes) -> None:
        """One entry more."""
        self.last_seq = entry.seq
        self.count += 1
        self.size += len(message)
        if self.kind not in CHUNKS:
            self._raw.append(message)
        else:
            self._blocks.append(message if said.text is None else said.text)

    def takes(self, said: Said, at: int) -> bool:
        """Whether what is said goes on with the message."""
        if said.key != self.key or self.is_full:
            return False
        return at - self.first.at < FOLD_MS or not self._may_end_before(said.text)

    def take_moments(self) -> list[int]:
        """The moments of its entries that are written now."""
        taken, self.moments = self.moments, []
        return taken

    @property
    def is_full(self) -> bool:
        """Whether it is too large to go on, wherever its text stands."""
        return self.size >= FOLD_BYTES

    def update(self, *, is_whole: bool) -> dict[str, JsonValue]:
        """The update that its entries are together. Not whole: its text may end in the midst of a word."""
        if self.kind in CHUNKS:
            return {"sessionUpdate": self.kind, "content": self._content(is_whole=is_whole)}
        merged: dict[str, JsonValue] = {}
        for message in self._raw:
            params = msgspec.json.decode(message).get("params") or {}
            told = params.get("update", params) if isinstance(params, dict) else {"params": params}
            merged.update(told if isinstance(told, dict) else {"update": told})
        return merged

    def _may_end_before(self, following: str | None) -> bool:
        """Whether no credential reaches over the end of the text."""
        last = self._blocks[-1] if self._blocks else b""
        if following is None or isinstance(last, bytes):
            return True
        if not (following[:1].isspace() or last[-1:].isspace()):
            return False
        text = "".join(block for block in self._blocks if isinstance(block, str))
        in_key = text.rfind("-----BEGIN ") > text.rfind("-----END ")
        return not in_key and _LEADS_TO_SECRET.search(text[-_LOOK_BACK:]) is None

    def _content(self, *, is_whole: bool) -> JsonValue:
        joined: list[JsonValue] = []
        texts: list[str] = []
        for block in [*self._blocks, b""]:
            if isinstance(block, str):
                texts.append(block)
                continue
            if texts:
                joined.append({"type": "text", "text": "".join(texts)})
                texts = []
            if block:
                joined.append(msgspec.json.decode(block)["params"]["update"].get("content"))
        self._trim(joined, is_whole=is_whole)
        return joined[0] if len(joined) == 1 else joined

    def _trim(self, joined: list[JsonValue], *, is_whole: bool) -> None:
        """Take half words off the ends of a text that was parted by force, or goes on."""
        first, last = joined[0] if joined else None, joined[-1] if joined else None
        if self.is_cut and isinstance(first, dict) and isinstance(text := first.get("text"), str):
            first["text"] = without_first_word(text)
        if not is_whole and isinstance(last, dict) and isinstance(text := last.get("text"), str):
            last["text"] = without_last_word(text)


def without_last_word(text: str) -> str:
    """The text up to the last white space that is among its last characters."""
    kept = text[-WORD_CHARS:]
    place = max((kept.rfind(space) for space in " \n\t\r"), default=-1)
    return text[: len(text) - len(kept) + place + 1] + ("…" if place + 1 < len(kept) else "")


def without_first_word(text: str) -> str:
    """The text from the first white space on that is among its first characters."""
    found = re.search(r"\s", text[:WORD_CHARS])
    return "…" + (text[found.start() :] if found else text[WORD_CHARS:])
