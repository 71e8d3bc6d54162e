"""``lumilink connect`` as a process: its streams, its signals, its exit code."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process

import pytest
from connect_gateway import fake_gateway

START_S = 30.0
HELLO = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1}}\n'


async def start(port: int) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "topology.cli", "connect", "--url", f"http://127.0.0.1:{port}"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.timeout(120)
@pytest.mark.parametrize("ends", [lambda p: p.send_signal(signal.SIGTERM), lambda p: p.stdin.close()])
async def test_it_speaks_on_stdout_alone_and_ends_with_0(ends: object) -> None:
    async with fake_gateway() as gateway, asyncio.timeout(START_S):
        process = await start(gateway.port)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(HELLO)
        assert json.loads(await process.stdout.readline())["result"] == {"protocolVersion": 1}
        assert callable(ends)
        ends(process)
        assert await process.stdout.read() == b""
        assert await process.stderr.read() == b""
        assert await process.wait() == 0
