"""What one update of an agent costs a worker: ``python loadtests/bench_session.py``.

The way of a frame within the worker's process: parsed, given its cursor, committed to a journal, kept in the
history, offered to the session's views, written to their link. The link is real but for its socket, which
swallows what is written; credits come back as a replica sends them. 100 sessions, 250-byte updates, so many a
session before the loop turns; the best of several rounds. CPU time of the process, its threads included.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from actors.connection.attachment import Attachment
from actors.connection.record import SessionRecord
from actors.connection.sealing import Sealer, new_key
from actors.connection.session import Session
from actors.connection.store import SessionStore
from actors.journal import GroupWriter, Journal, Placement
from actors.journal.memory import MemoryJournal
from actors.journal.sqlite import SqliteJournal
from actors.link.channel import Channel
from actors.placement.leases import Lease
from actors.protocol.rewrite import read_update

UPDATES = 20_000
SESSIONS = 100
AGENT_ID = "0199f3c2-7d1e-7c5a-9b0e-3f5d2a1b4c6d"
SESSION_ID = "ses_0199f3c27d1e7c5a9b0e3f5d2a1b4c6d"


class Nowhere(asyncio.Transport):
    """A socket that takes everything at once."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Count it."""
        self.written += len(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """It is never congested."""


def update_frame() -> bytes:
    content = {"type": "text", "text": "a" * 69}
    chunk = {"sessionUpdate": "agent_message_chunk", "content": content}
    params = {"sessionId": AGENT_ID, "update": chunk}
    return json.dumps(
        {"jsonrpc": "2.0", "method": "session/update", "params": params}, separators=(",", ":")
    ).encode()


class Stage:
    """Sessions with one view each, on a journal."""

    def __init__(self, journal: Journal, sessions: int = SESSIONS, writer: GroupWriter | None = None) -> None:
        self.writer = writer or GroupWriter(journal)
        self.channel = Channel("listener", "bench", "secret", handler=None)  # type: ignore[arg-type] # nothing comes
        self.channel.connection_made(Nowhere())
        store = SessionStore(journal, self.writer, Sealer(new_key()), 128 * 1024)
        self.views: list[tuple[Session, Attachment]] = []
        for number in range(sessions):
            lease = Lease(Placement(f"bench/ws_{number}", "bench:bench:1", 1, 0), lambda: None)
            begun = SessionRecord(
                "bench", f"ws_{number}", f"{SESSION_ID}{number}", AGENT_ID, "/", b"{}", b"{}", b"", None, ""
            )
            session = store.begin(begun, b"{}", lease, lambda _session, error: print(error))
            attachment = Attachment(self.channel, number, f"bench-{number}")
            session.attach(attachment, 0)
            attachment.catch_up(session.history)
            self.views.append((session, attachment))

    async def updates(self, count: int, burst: int) -> None:
        """``count`` updates over all sessions, ``burst`` of a session at once, all of them shown."""
        frame = update_frame()
        for _ in range(count // (len(self.views) * burst)):
            for session, attachment in self.views:
                for _ in range(burst):
                    update = read_update(frame)
                    assert update is not None
                    session.show_plain_update(update, frame)
                attachment.grant(burst, burst * (len(frame) + 60))
            await asyncio.sleep(0)
        for session, _ in self.views:
            await session.stream.settled()


async def cost_us(kind: str, burst: int) -> float:
    """Microseconds of CPU an update, with one client a session that keeps up."""
    with tempfile.TemporaryDirectory() as folder:
        journal: Journal = MemoryJournal()
        if kind == "sqlite":
            journal = await SqliteJournal.open(Path(folder) / "journal.db")
        stage = Stage(journal)
        begin = time.process_time()
        await stage.updates(UPDATES, burst)
        took = time.process_time() - begin
        stage.channel.connection_lost(None)
        await stage.writer.close(10.0)
        await journal.close()
    return took / UPDATES * 1e6


async def measure(rounds: int) -> dict[str, float]:
    """All figures, each the best of ``rounds``."""
    figures = {}
    for kind in ("memory", "sqlite"):
        for burst in (1, 10):
            gc.collect()
            found = [await cost_us(kind, burst) for _ in range(rounds)]
            figures[f"{kind}_{burst}_at_once_us"] = round(min(found), 2)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    print(json.dumps(asyncio.run(measure(parser.parse_args().rounds))))


if __name__ == "__main__":
    main()
