"""A stream's events on their way to a group writer."""

from __future__ import annotations

from unit.journal.conformance import append

from actors.journal import AppendResult, GroupWriter, StreamAppend


class Source:
    """An ``AppendSource`` of one stream. What every source is told goes to ``told_all`` too, in its order."""

    def __init__(
        self, name: str, writer: GroupWriter, told_all: list[AppendResult] | None = None, fence: int = 1
    ) -> None:
        self.name = name
        self.results: list[AppendResult] = []
        self._writer = writer
        self._told_all = [] if told_all is None else told_all
        self._fence = fence
        self._waiting: list[str] = []
        self._record: bytes | None = None
        self._next_seq = 1

    def say(self, *said: str) -> None:
        """Add an entry each."""
        for payload in said:
            self._writer.add(self, len(payload))
            self._waiting.append(payload)

    def describe(self, record: bytes) -> None:
        """Replace the record."""
        self._writer.add(self, len(record))
        self._record = record

    def take(self) -> StreamAppend:
        taken, self._waiting = self._waiting, []
        record, self._record = self._record, None
        first_seq = self._next_seq
        self._next_seq += len(taken)
        return append(self.name, first_seq, *taken, fence=self._fence, meta=record)

    def told(self, result: AppendResult) -> None:
        self.results.append(result)
        self._told_all.append(result)
