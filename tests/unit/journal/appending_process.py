"""Appends to a SQLite journal as fast as it can, and prints ``STREAM SEQ`` once that is committed.

Arguments: the file, the number of streams, how many entries an append has. It goes on from what is there.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from actors.journal import AppendResult, GroupWriter, NewEntry, Refused, StreamAppend
from actors.journal.sqlite import SqliteJournal


class Stream:
    """Has one append more ready as soon as one is committed."""

    def __init__(self, name: str, last_seq: int, writer: GroupWriter, count: int) -> None:
        self.name = name
        self.last_seq = last_seq
        self.writer = writer
        self.count = count

    def write(self) -> None:
        self.writer.add(self, self.count)

    def take(self) -> StreamAppend:
        first = self.last_seq + 1
        self.last_seq += self.count
        new = [NewEntry("k", b"%d" % seq, seq) for seq in range(first, self.last_seq + 1)]
        return StreamAppend(self.name, "w", 0, first, new)

    def told(self, result: AppendResult) -> None:
        if isinstance(result, Refused):
            sys.exit(f"refused: {result.error}")
        sys.stdout.write(f"{self.name} {result.last_seq}\n")
        sys.stdout.flush()
        self.write()


async def main(path: Path, streams: int, count: int) -> None:
    journal = await SqliteJournal.open(path)
    writer = GroupWriter(journal)
    for number in range(streams):
        name = f"s{number}"
        page = await journal.read(name, 0, limit_entries=1)
        stream = Stream(name, page.last_seq, writer, count)
        stream.write()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
