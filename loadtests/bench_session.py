"""What one update of an agent costs a worker: ``python loadtests/bench_session.py``.

The way of a frame within the worker's process: parsed, given its cursor, kept in the history, offered to
the attachments of the session, written to their link. The link is real but for its socket, which swallows
what is written; credits come back as a replica sends them. 250-byte updates, the best of several rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from actors.connection.attachment import Attachment
from actors.connection.session import Session
from actors.link.channel import Channel
from actors.protocol.envelope import parse

UPDATES = 20_000
BATCH = 64
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


async def cost_us(viewers: int) -> float:
    """Microseconds an update, with ``viewers`` clients that keep up."""
    channel = Channel("listener", "bench", "secret", handler=None)  # type: ignore[arg-type] # nothing comes in
    channel.connection_made(Nowhere())
    session = Session(
        SESSION_ID,
        AGENT_ID,
        installation="bench",
        workspace_id="bench",
        cwd="/",
        setup=b"{}",
        history_bytes=1024 * 1024,
    )
    attachments = [Attachment(channel, stream, "bench") for stream in range(viewers)]
    for attachment in attachments:
        session.attach(attachment, 0)
    frame = update_frame()
    begin = time.perf_counter()
    for _ in range(UPDATES // BATCH):
        size = len(frame) + 60
        for _ in range(BATCH):
            session.show_update(parse(frame).frame)
        for attachment in attachments:
            attachment.grant(BATCH, BATCH * size)
        await asyncio.sleep(0)  # the link writes at the end of a turn of the loop
    took = time.perf_counter() - begin
    assert not any(attachment.is_lagging for attachment in attachments)
    channel.connection_lost(None)
    return took / (UPDATES // BATCH * BATCH) * 1e6


async def measure(rounds: int) -> dict[str, float]:
    """All figures, each the best of ``rounds``."""
    gc.collect()
    gc.freeze()
    figures = {}
    for viewers in (0, 1, 4):
        figures[f"viewers_{viewers}_us"] = round(min([await cost_us(viewers) for _ in range(rounds)]), 2)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    print(json.dumps(asyncio.run(measure(parser.parse_args().rounds))))


if __name__ == "__main__":
    main()
