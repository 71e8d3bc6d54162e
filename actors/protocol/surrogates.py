"""Mending of half characters: surrogate escapes that lack their pair.

Programs that count UTF-16 units cut emoji in half and write ``"\ud83d"``. JSON's grammar allows that, but no
UTF-8 text can hold it and most parsers, ours among them, refuse the whole message for it.
"""

from __future__ import annotations

import re
from typing import Final

MOST_ESCAPES: Final = 10_000
"""Frames with more surrogate escapes are not mended: each costs about a microsecond."""

_REPLACEMENT: Final = rb"\ufffd"
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_HIGH: Final = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")
_LOW: Final = re.compile(rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_LENGTH: Final = 6


def without_lone_surrogates(frame: bytes) -> bytes | None:
    """The frame with U+FFFD for each surrogate escape without its pair; ``None`` if none is to be mended."""
    if not 0 < frame.count(rb"\ud") + frame.count(rb"\uD") <= MOST_ESCAPES:
        return None
    mended = _SURROGATE.sub(lambda match: _REPLACEMENT if _is_lone(frame, match.start()) else match[0], frame)
    return mended if mended != frame else None


def _is_lone(frame: bytes, at: int) -> bool:
    if not _is_escape(frame, at):
        return False
    if _HIGH.match(frame, at):
        return not _LOW.match(frame, at + _LENGTH)
    before = at - _LENGTH
    return before < 0 or not (_HIGH.match(frame, before) and _is_escape(frame, before))


def _is_escape(frame: bytes, at: int) -> bool:
    """Whether the backslash begins an escape, rather than being escaped itself."""
    first = at
    while first > 0:
        before = frame[max(0, first - 1024) : first]
        run = len(before) - len(before.rstrip(b"\\"))
        first -= run
        if run < len(before):
            break
    return (at - first) % 2 == 0
