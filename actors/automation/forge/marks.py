"""Marks: an invisible line in a text that we made, by which we know it again."""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(r"[^A-Za-z0-9._:/-]|-(?=-)")
"""What could end an HTML comment, or is not needed in a key."""
_MOST_CHARS: Final = 65_536
"""What GitHub takes as a body."""
_CUT: Final = "\n\n…"


def line_of(mark: str) -> str:
    """The line that stands for a mark."""
    return f"<!-- lumilink: {_PLAIN.sub('_', mark)} -->"


def marked(body: str, mark: str) -> str:
    """The text with the mark at its end, as long as GitHub takes it."""
    line = f"\n\n{line_of(mark)}"
    return cut(body, _MOST_CHARS - len(line)) + line


def cut(text: str, most: int = _MOST_CHARS) -> str:
    """The text, with its end left out where it is too long."""
    return text if len(text) <= most else text[: most - len(_CUT)] + _CUT


def has_mark(body: str | None, mark: str) -> bool:
    """Whether a text has this mark."""
    return body is not None and line_of(mark) in body
