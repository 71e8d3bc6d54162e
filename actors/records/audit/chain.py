"""The chain of an audit trail: every line holds the hash of the line before it, and its own.

So a line that is changed, dropped, doubled or moved breaks the chain there. What the chain can't show is a
file that somebody made anew from its beginning; for that, keep the final hash in another place.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from msgspec import Struct
from pydantic import JsonValue

FORMAT: Final = "lumilink-audit/1"
GENESIS: Final = "0" * 64
"""What the first line has in place of the hash before it."""
HEADER: Final = "header"
TRAILER: Final = "trailer"

Body = dict[str, JsonValue]


class Line(Struct, frozen=True):
    """One line. ``n`` counts from 0, the header. ``type`` is ``header``, ``trailer`` or a kind of record."""

    n: int
    type: str
    body: Body
    prev: str
    hash: str

    @property
    def is_whole(self) -> bool:
        """Whether its hash is that of what it holds."""
        return self.hash == digest(self.n, self.type, self.body, self.prev)


class Chain:
    """Makes lines, each hung to the one before."""

    def __init__(self) -> None:
        self._n = 0
        self._last = GENESIS

    @property
    def length(self) -> int:
        """How many lines there are."""
        return self._n

    @property
    def last_hash(self) -> str:
        """The hash of the last line."""
        return self._last

    def hang(self, type_: str, body: Body) -> Line:
        """The next line."""
        line = Line(self._n, type_, body, self._last, digest(self._n, type_, body, self._last))
        self._n += 1
        self._last = line.hash
        return line


def canonical(value: JsonValue) -> str:
    """The one way to write a JSON value: members sorted by name, no spaces, no escape that is not needed."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def digest(n: int, type_: str, body: Body, prev: str) -> str:
    """SHA-256, in hexadecimal, of the canonical JSON of a line without its hash."""
    text = canonical({"n": n, "type": type_, "body": body, "prev": prev})
    return hashlib.sha256(text.encode()).hexdigest()
