"""Server-sent events, read as they arrive (WHATWG HTML, "Server-sent events").

Only the data of an event is of interest here: ACP's remote transport uses neither names nor ids nor retry
times. Everything stays bytes, so a chunk may end in the middle of a character.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from actors.errors import FrameTooLargeError

_BOM: Final = b"\xef\xbb\xbf"


class EventReader:
    """The data of each event out of chunks of any size. An event that the stream's end cuts off is none."""

    def __init__(self, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._at_start = True
        self._after_cr = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the data of the events that ``chunk`` ends; raises FrameTooLargeError over the limit."""
        if not chunk:
            return
        for line in self._lines(chunk):
            if line:
                self._field(line)
            elif self._data:
                data, self._data, self._data_bytes = b"\n".join(self._data), [], 0
                yield data

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the second half of a CRLF that the chunks' border cut
        self._after_cr = chunk.endswith(b"\r")
        lines = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        rest = lines.pop()
        for line in lines:
            if self._line:
                line, self._line = bytes(self._line) + line, bytearray()
            yield self._without_bom(line)
        self._line += rest
        self._check(len(self._line) - len(b"data: "))

    def _without_bom(self, line: bytes) -> bytes:
        if self._at_start:
            self._at_start = False
            return line.removeprefix(_BOM)
        return line

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            value = value.removeprefix(b" ")
            self._data_bytes += len(value) + bool(self._data)
            self._data.append(value)
            self._check(self._data_bytes)

    def _check(self, size: int) -> None:
        if size > self._max_event_bytes:
            raise FrameTooLargeError(f"the agent sent an event of over {self._max_event_bytes} bytes")
