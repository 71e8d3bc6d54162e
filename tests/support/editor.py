"""An editor that has started ``lumilink connect`` as its agent."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from support.gateway_process import LUMILINK
from support.messages import Json
from support.peer import Peer

_LONGEST_LINE: Final = 1 << 20
_END_S: Final = 10.0


class EditorPeer(Peer):
    """It speaks with the process's stdin and stdout, and knows of no gateway."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process = process

    async def send(self, message: Json) -> None:
        """Write a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        await self.process.stdin.drain()

    async def read(self) -> None:
        """Keep every line until the process ends its output."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            await self.keep(json.loads(line))


@asynccontextmanager
async def begun_editor(url: str) -> AsyncIterator[EditorPeer]:
    """An editor with ``initialize`` behind it; its agent must end with 0 when its stdin does."""
    process = await asyncio.create_subprocess_exec(
        *(str(LUMILINK), "connect", "--url", url),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        limit=_LONGEST_LINE,
    )
    editor = EditorPeer(process)
    reading = asyncio.create_task(editor.read())
    try:
        await editor.begin()
        yield editor
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(_END_S):
            assert await process.wait() == 0
            await reading
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
