"""``lumilink chat`` as a process in a terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from connect_gateway import FakeGateway, fake_gateway

from topology.connect.descriptors import Input

START_S = 30.0
CTRL_C = b"\x03"
CTRL_D = b"\x04"


class Terminal:
    """A pseudo-terminal with a chat in it."""

    def __init__(self) -> None:
        self._fd, self._inner_fd = pty.openpty()
        self._input = Input(self._fd)
        self.text = ""

    async def start(self, *arguments: str, cwd: Path) -> asyncio.subprocess.Process:
        """Start the command as the terminal's own process, so that Ctrl-C reaches it."""
        launcher = "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        launcher += "from topology.cli import main; main()"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            launcher,
            *arguments,
            stdin=self._inner_fd,
            stdout=self._inner_fd,
            stderr=self._inner_fd,
            start_new_session=True,
            env={**os.environ, "TERM": "dumb", "PYTHONPATH": os.pathsep.join(sys.path)},
            cwd=cwd,
        )
        os.close(self._inner_fd)
        return process

    def press(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    async def sees(self, *texts: str) -> None:
        """Wait until each of the texts has appeared after the one before it."""
        async with asyncio.timeout(START_S):
            for text in texts:
                while text not in self.text:
                    self.text += (await self._input.read()).decode()
                self.text = self.text.partition(text)[2]

    def close(self) -> None:
        os.close(self._fd)


async def turn(gateway: FakeGateway) -> tuple[str, str]:
    await wait(gateway, lambda: any(session.running for session in gateway.model.sessions.values()))
    return next((name, next(iter(s.running))) for name, s in gateway.model.sessions.items() if s.running)


async def wait(gateway: FakeGateway, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(START_S):
        await gateway.until(condition)


@pytest.mark.timeout(120)
async def test_ctrl_c_cancels_a_turn_and_then_leaves(tmp_path: Path) -> None:
    async with fake_gateway() as gateway:
        terminal = Terminal()
        url = f"http://127.0.0.1:{gateway.port}"
        process = await terminal.start("chat", "--url", url, cwd=tmp_path)
        await terminal.sees("Session s1.", "> ")
        terminal.press(b"count to a million\n")
        session_id, prompt_id = await turn(gateway)
        gateway.model.stream(session_id, "1 2 3 ")
        gateway.flush()
        await terminal.sees("1 2 3 ")
        terminal.press(CTRL_C)
        await wait(gateway, lambda: gateway.taken[-1]["method"] == "session/cancel")
        gateway.model.finish(session_id, prompt_id, {"stopReason": "cancelled"})
        gateway.flush()
        await terminal.sees("(cancelled)", "> ")
        terminal.press(CTRL_C)
        await terminal.sees(f"To come back: lumilink chat --session s1 --url {url}")
        async with asyncio.timeout(START_S):
            assert await process.wait() == 0
        terminal.close()


@pytest.mark.timeout(120)
async def test_ctrl_d_leaves_with_0(tmp_path: Path) -> None:
    async with fake_gateway() as gateway:
        terminal = Terminal()
        process = await terminal.start("chat", "--url", f"http://127.0.0.1:{gateway.port}", cwd=tmp_path)
        await terminal.sees("Session s1.", "> ")
        terminal.press(CTRL_D)
        async with asyncio.timeout(START_S):
            assert await process.wait() == 0
        terminal.close()


@pytest.mark.timeout(120)
async def test_without_a_gateway_one_line_says_what_to_do(tmp_path: Path, unused_tcp_port: int) -> None:
    terminal = Terminal()
    url = f"http://127.0.0.1:{unused_tcp_port}"
    process = await terminal.start("chat", "--url", url, cwd=tmp_path)
    await terminal.sees("error: ", "lumilink up", "\n")
    async with asyncio.timeout(START_S):
        assert await process.wait() == 1
    terminal.close()
