"""Cutting what a process writes into lines: its messages whole, its log short."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from actors.errors import FrameTooLargeError

_MAX_LOG_LINE_BYTES: Final = 4096
_LAST_LINES: Final = 5
_LAST_LINES_CHARS: Final = 500
_SECRET_NAME: Final = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)
_SHORTEST_SECRET: Final = 6


class LineSplitter:
    """Newline-delimited messages out of chunks of any size. Blank lines carry none."""

    def __init__(self, max_line_bytes: int) -> None:
        self._max_line_bytes = max_line_bytes
        self._partial = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that ``data`` ends, each without its newline.

        Raises FrameTooLargeError once a line, ended or not, is over the limit; the splitter is spent then.
        """
        lines = data.split(b"\n")
        rest = lines.pop()
        for line in lines:
            if self._partial:
                self._partial += line
                line, self._partial = bytes(self._partial), bytearray()
            self._check(len(line))
            if line and not line.isspace():
                yield line
        self._partial += rest
        self._check(len(self._partial))

    def _check(self, size: int) -> None:
        if size > self._max_line_bytes:
            raise FrameTooLargeError(f"the agent sent a line of over {self._max_line_bytes} bytes")


class ErrorLog:
    """An agent's standard error: told line by line, and the last few lines kept for the reason of its end.

    Lines are cut at 4,096 bytes. Values that were handed to the agent in its environment under a name like
    ``API_KEY`` are replaced by ``***``, should the agent print them.
    """

    def __init__(self, tell: Callable[[str], None], env: Mapping[str, str]) -> None:
        self._tell = tell
        self._secrets = [v for k, v in env.items() if _SECRET_NAME.search(k) and len(v) >= _SHORTEST_SECRET]
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._partial = b""

    def feed(self, data: bytes) -> None:
        """Take in a chunk."""
        lines = data.split(b"\n")
        rest = lines.pop()
        for line in lines:
            self._line(self._partial + line)
            self._partial = b""
        self._partial = (self._partial + rest)[:_MAX_LOG_LINE_BYTES]

    def end(self) -> None:
        """Nothing more comes: an unfinished line counts as one."""
        self._line(self._partial)
        self._partial = b""

    def last_lines(self) -> str:
        """The last lines as one string of at most 500 characters, or nothing."""
        return " | ".join(self._last)[-_LAST_LINES_CHARS:]

    def _line(self, raw: bytes) -> None:
        line = raw[:_MAX_LOG_LINE_BYTES].decode("utf-8", "replace").rstrip()
        if not line:
            return
        for secret in self._secrets:
            line = line.replace(secret, "***")
        self._last.append(line)
        self._tell(line)
