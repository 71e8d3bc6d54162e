"""What a gateway's journal holds, read beside it: the entries of a session, and whether its promises hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from actors.connection.events import EventKind, from_entry
from actors.journal.contract import Entry, Journal
from actors.journal.redis import RedisJournal
from actors.journal.sqlite import SqliteJournal
from support.messages import Json
from topology.data_directory import JOURNAL
from topology.verify import Evidence, verify_files


def journal_file(folder: Path) -> Path:
    """The file of the journal of the gateway whose folder this is."""
    return folder / "data" / JOURNAL


async def check_promises(folder: Path) -> None:
    """Hold the journal against its promises; turns may be open."""
    report = await verify_files(Evidence(journal_file(folder)), live=True)
    assert report.total == 0, "\n".join(report.lines())


async def entries_of(source: Path | str, session_id: str) -> list[Entry]:
    """All entries of a session; ``source`` is a gateway's folder, or the URL of a Redis."""
    journal: Journal
    if isinstance(source, Path):
        journal = await SqliteJournal.open(journal_file(source))
    else:
        journal = await RedisJournal.open(source, "process")
    try:
        [stream] = [name for name in await journal.streams() if name.endswith(f"/{session_id}")]
        found: list[Entry] = []
        while page := (await journal.read(stream, found[-1].seq if found else 0)).entries:
            found += page
        return found
    finally:
        await journal.close()


async def trim(folder: Path, session_id: str, keep: int) -> int:
    """Drop all but the last entries of a session, beside a gateway that runs; returns the oldest seq left."""
    journal = await SqliteJournal.open(journal_file(folder))
    try:
        [stream] = [name for name in await journal.streams() if name.endswith(f"/{session_id}")]
        return await journal.trim(stream, keep_count=keep)
    finally:
        await journal.close()


def notes_of(entries: Sequence[Entry], kind: EventKind) -> list[Json]:
    """The messages of all entries of one kind, decoded."""
    return [json.loads(from_entry(entry).message) for entry in entries if entry.kind == kind.value]


def outcomes_of(entries: Sequence[Entry]) -> list[str]:
    """How the turns ended, in order."""
    return [note["outcome"] for note in notes_of(entries, EventKind.TURN_ENDED)]
