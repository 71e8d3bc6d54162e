"""The process around the relay: stdin and stdout on one side, a WebSocket that is redialled on the other."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from actors.agents.dial import dial
from actors.agents.lines import LineSplitter
from actors.agents.link import AgentLink, DialOptions, LinkClosed
from actors.agents.target import AgentTarget
from actors.errors import AgentUnreachableError, ConnectionFault, FrameTooLargeError, LumiLinkError
from topology.connect.backoff import delays
from topology.connect.descriptors import Input, Output
from topology.connect.endpoint import acp_target
from topology.connect.relay import Phase, Relay

log = logging.getLogger("lumilink.connect")

MAX_LINE_BYTES: Final = 64 * 1024 * 1024
"""An editor's line over this ends the program; one over the message limit is only refused."""

_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, in seconds."""

    first_retry_s: float = 0.1
    most_retry_s: float = 5.0
    first_gateway_s: float = 10.0
    """For the very first connection; then the gateway is taken to be missing."""
    tell_after_s: float = 60.0
    tell_every_s: float = 10.0
    live_s: float = 90.0
    """From connected to live: the gateway may be starting an agent to ask what it can do."""
    last_answers_s: float = 1.0
    """For answers that are still due when the editor has closed our stdin."""


async def run_connect(url: str) -> int:
    """Be an ACP agent on stdin and stdout until the editor closes them; returns the exit code.

    1 if no gateway was there within 10 s of the start. Raises SettingsError for a URL that is none.
    """
    target = acp_target(url)
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="lumilink connect: %(message)s"
    )
    connect = Connect(target, Input(sys.stdin.fileno()), sys.stdout.fileno())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, connect.stop)
    return await connect.run()


class Connect:
    """One run of ``lumilink connect``."""

    def __init__(self, target: AgentTarget, editor: Input, output_fd: int, patience: Patience | None = None) -> None:
        self._target = target
        self._patience = patience or Patience()
        self._input = editor
        self._output = Output(output_fd, self._output_has_room, self.stop)
        self._relay = Relay(
            f"connect-{secrets.token_urlsafe(12)}", self._to_editor, self._to_gateway, self._drop
        )
        self._stopping = asyncio.Event()
        self._room = asyncio.Event()
        self._socket: _Socket | None = None

    def stop(self) -> None:
        """End in order; ``run`` returns 0."""
        self._stopping.set()

    async def run(self) -> int:
        """Relay until the editor leaves, ``stop`` is called, or there never was a gateway."""
        loop = asyncio.get_running_loop()
        reading = loop.create_task(self._read_editor(), name="editor")
        dialling = loop.create_task(self._stay_connected(), name="gateway")
        stopping = loop.create_task(self._stopping.wait(), name="stop")
        tasks = (reading, dialling, stopping)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if reading in done:
                await self._last_answers(stopping)
            return next((task.result() for task in (dialling, reading) if task.done()), 0)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._output.close()

    # ------------------------------------------------------------------ the editor

    async def _read_editor(self) -> int:
        splitter = LineSplitter(MAX_LINE_BYTES)
        while chunk := await self._input.read():
            try:
                for line in splitter.feed(chunk):
                    self._relay.from_editor(line)
                    await self._wait_for_room()
            except FrameTooLargeError:
                log.error("the editor sent a line of over %d bytes", MAX_LINE_BYTES)
                return 1
        return 0

    async def _wait_for_room(self) -> None:
        """Backpressure: read nothing more while what was read cannot go on, to either side."""
        while self._relay.is_full or self._output.is_full:
            self._room.clear()
            await self._room.wait()

    async def _last_answers(self, stopping: asyncio.Task[bool]) -> None:
        """The editor has said all; a script that did so still wants what it asked for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience.last_answers_s):
                while (self._relay.unanswered or not self._output.is_drained) and not stopping.done():
                    await asyncio.sleep(_POLL_S)

    def _to_editor(self, frame: bytes) -> None:
        self._output.write(frame)
        if self._output.is_full and self._socket is not None:
            self._socket.pause()

    def _output_has_room(self) -> None:
        self._room.set()
        if self._socket is not None:
            self._socket.resume()

    # ------------------------------------------------------------------ the gateway

    async def _stay_connected(self) -> int:
        """Dial, for ever once it has worked; 1 if it never did."""
        patience, loop = self._patience, asyncio.get_running_loop()
        was_connected = False
        away_since = told_at = loop.time()
        waits = delays(patience.first_retry_s, patience.most_retry_s)
        while True:
            why = ""
            try:
                async with self._connection() as socket:
                    was_connected = True
                    if await self._serve(socket):
                        waits = delays(patience.first_retry_s, patience.most_retry_s)
                        away_since = told_at = loop.time()
                why = socket.why
            except ConnectionFault as error:
                why = error.detail
            now = loop.time()
            if not was_connected and now - away_since >= patience.first_gateway_s:
                log.error("%s; start a gateway with `lumilink up`, or name one with --url", why)
                return 1
            if now - away_since >= patience.tell_after_s and now - told_at >= patience.tell_every_s:
                told_at = now
                log.warning("no gateway for %.0f s (%s); still trying", now - away_since, why)
            await asyncio.sleep(next(waits))

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[_Socket]:
        """A dialled socket; the relay is told of its beginning and of its end."""
        socket = _Socket(self._relay)
        timeout_s = min(self._patience.first_gateway_s, DialOptions().connect_timeout_s)
        socket.link = await dial(self._target, socket, DialOptions(connect_timeout_s=timeout_s))
        self._socket = socket
        try:
            yield socket
        finally:
            self._socket = None
            socket.mute()
            self._relay.lost()
            await socket.link.close()

    async def _serve(self, socket: _Socket) -> bool:
        """Relay until the socket ends; whether the sessions were gone on with."""
        self._relay.connected()
        try:
            async with asyncio.timeout(self._patience.live_s):
                while self._relay.phase is not Phase.LIVE and not socket.ended.is_set():
                    await socket.activity()
        except TimeoutError:
            socket.why = f"the gateway did not take us in within {self._patience.live_s:g} s"
            return False
        was_live = self._relay.phase is Phase.LIVE
        self._room.set()
        await socket.ended.wait()
        return was_live

    def _to_gateway(self, frame: bytes) -> None:
        if self._socket is not None:
            self._socket.send(frame)

    def _drop(self, reason: str) -> None:
        if self._socket is not None:
            self._socket.end(reason)
"""

"""
