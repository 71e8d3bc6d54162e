"""Proving an audit trail: whether it is whole, and if not, which is the first line that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from actors.errors import ParseError
from actors.records.audit.chain import FORMAT, GENESIS, HEADER, TRAILER, Body, Line
from actors.records.audit.forms import Form

_CSV_BEGINS: Final = Form.CSV.heading.rstrip()


class Verdict(Struct, frozen=True, rename="camel"):
    """What is to be said of a trail. ``complaint`` is None for one that is whole.

    ``line`` is the number, from 1, of the line of the file that shows it. ``header`` is what the trail says
    of itself; ``records`` and ``final_hash`` are those up to where it is proven.
    """

    records: int
    final_hash: str
    header: Body | None = None
    line: int | None = None
    complaint: str | None = None


def inspect(texts: Iterable[str], expected_final: str | None = None) -> Verdict:
    """Read a trail, line by line with their ends, and prove it.

    ``expected_final`` is the final hash as it was noted elsewhere. At most one line is held at a time.
    """
    return _Inspection(texts).run(expected_final)


class _Inspection:
    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = iter(texts)
        self._form = Form.NDJSON
        self._read = 0
        self._lines = 0
        self._last = GENESIS
        self._header: Body | None = None
        self._ended = False

    def run(self, expected_final: str | None) -> Verdict:
        for text in self._without_heading():
            complaint = self._take(text)
            if complaint is not None:
                return self._verdict(complaint)
        if not self._ended:
            self._read += 1
            return self._verdict("the file is truncated: its trailer is missing")
        if expected_final not in (None, self._last):
            return self._verdict("the whole trail was made anew: its final hash is not the expected one")
        return self._verdict(None)

    def _without_heading(self) -> Iterator[str]:
        for text in self._texts:
            self._read += 1
            if self._read == 1 and text.rstrip("\r\n") == _CSV_BEGINS:
                self._form = Form.CSV
                continue
            yield text

    def _take(self, text: str) -> str | None:
        """Read on by a line; what is wrong with it, or None."""
        if self._ended:
            return "comes after the trailer: it was added"
        if not text.endswith("\n"):
            return "the file is truncated: this line has no end"
        try:
            line = self._form.read(text)
        except ParseError as error:
            return f"was changed: it {error.detail}"
        if not line.is_whole:
            return "was changed: its hash is not that of what it says"
        complaint = self._misplaced(line) or self._contradicted(line)
        if complaint is None:
            self._accept(line)
        return complaint

    def _misplaced(self, line: Line) -> str | None:
        if line.n < self._lines:
            return f"is doubled: it is number {line.n}, which came before"
        if line.n > self._lines:
            return self._gap(line.n)
        if line.prev != self._last:
            return "was made anew: it does not hang on the line before it"
        return None

    def _gap(self, n: int) -> str:
        """A line came too early: whether those that it overtook come after it, or not at all."""
        missing = self._lines
        for text in self._texts:
            try:
                later = self._form.read(text)
            except ParseError:
                continue
            if later.n == missing and later.is_whole:
                return f"was moved: it is number {n}, and number {missing} comes after it"
        several = "" if n == missing + 1 else f" to {n - 1}"
        return f"follows on a gap: number {missing}{several} was dropped before it"

    def _contradicted(self, line: Line) -> str | None:
        """What a line must be at its place, which only one who makes a trail anew can hurt."""
        if (line.type == HEADER) != (line.n == 0) or (line.n == 0 and line.body.get("format") != FORMAT):
            return f"is no {HEADER} of {FORMAT}" if line.n == 0 else "is a second header"
        if line.type == TRAILER and line.body != {"count": line.n - 1, "final": line.prev}:
            return "was made anew: the trailer does not agree with the lines before it"
        return None

    def _accept(self, line: Line) -> None:
        if line.type == HEADER:
            self._header = line.body
        self._ended = line.type == TRAILER
        self._lines += 1
        self._last = line.hash

    def _verdict(self, complaint: str | None) -> Verdict:
        records = max(0, self._lines - 1 - self._ended)
        where = None if complaint is None else self._read
        return Verdict(records, self._last, self._header, where, complaint)
