"""The relay's surroundings: stdin and stdout on one side, a WebSocket that is redialled on the other."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from dataclasses import dataclass
from typing import Final

from actors.agents.lines import LineSplitter
from actors.agents.target import AgentTarget
from actors.errors import ConnectionFault, FrameTooLargeError
from topology.connect.backoff import delays
from topology.connect.descriptors import Input, Output
from topology.connect.gateway_socket import GatewaySocket
from topology.connect.relay import Relay

log = logging.getLogger("lumilink.connect")

MAX_LINE_BYTES: Final = 64 * 1024 * 1024
"""An editor's line over this ends the program; one over the message limit is only refused."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, in seconds."""

    first_retry_s: float = 0.1
    most_retry_s: float = 5.0
    dial_s: float = 10.0
    first_gateway_s: float = 10.0
    """For the very first connection; then the gateway is taken to be missing."""
    tell_after_s: float = 60.0
    tell_every_s: float = 10.0
    live_s: float = 90.0
    """From connected to live: the gateway may be starting an agent to ask what it can do."""
    last_answers_s: float = 2.0
    """For answers that are still due when the editor has closed our stdin."""


class Bridge:
    """One run of ``lumilink connect``."""

    def __init__(
        self, target: AgentTarget, editor: Input, output_fd: int, patience: Patience | None = None
    ) -> None:
        self._target = target
        self._patience = patience or Patience()
        self._input = editor
        self._output = Output(output_fd, self._output_drained, self.stop)
        self._relay = Relay(f"connect-{secrets.token_urlsafe(12)}", self)
        self._socket: GatewaySocket | None = None
        self._stopping = asyncio.Event()
        self._live = asyncio.Event()
        self._moved = asyncio.Event()

    def stop(self) -> None:
        """End in order; ``run`` returns 0."""
        self._stopping.set()

    async def run(self) -> int:
        """Relay until the editor leaves, ``stop`` is called, or there never was a gateway."""
        loop = asyncio.get_running_loop()
        reading = loop.create_task(self._read_editor(), name="editor")
        dialling = loop.create_task(self._stay_connected(), name="gateway")
        stopping = loop.create_task(self._stopping.wait(), name="stop")
        tasks = {reading, dialling, stopping}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
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
                    await self._room()
            except FrameTooLargeError:
                log.error("the editor sent a line of over %d bytes", MAX_LINE_BYTES)
                return 1
        await self._last_answers()
        return 0

    async def _room(self) -> None:
        """Backpressure: read nothing more while what was read cannot go on, to either side."""
        while self._relay.is_full or self._output.is_full:
            self._moved.clear()
            await self._moved.wait()

    async def _last_answers(self) -> None:
        """The editor has said all; a script that did so still wants what it asked for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience.last_answers_s):
                while self._relay.is_owing or not self._output.is_drained:
                    self._moved.clear()
                    await self._moved.wait()

    def _output_drained(self) -> None:
        self._moved.set()
        if self._socket is not None:
            self._socket.resume()

    # ------------------------------------------------------------------ the gateway

    async def _stay_connected(self) -> int:
        """Dial, for ever once it has worked; 1 if it never did."""
        patience, now = self._patience, asyncio.get_running_loop().time
        was_connected = False
        away_since = told_at = now()
        waits = delays(patience.first_retry_s, patience.most_retry_s)
        while True:
            self._live.clear()
            try:
                why = await self._use_socket()
                was_connected = True
            except ConnectionFault as error:
                why = error.detail
            if self._live.is_set():
                away_since = told_at = now()
                waits = delays(patience.first_retry_s, patience.most_retry_s)
            wait_s = next(waits)
            if not was_connected:
                left_s = patience.first_gateway_s - (now() - away_since)
                if left_s <= 0:
                    log.error("%s; start a gateway with `lumilink up`, or name one with --url", why)
                    return 1
                wait_s = min(wait_s, left_s)
            if now() - away_since >= patience.tell_after_s and now() - told_at >= patience.tell_every_s:
                told_at = now()
                log.warning("no gateway for %.0f s, still trying: %s", told_at - away_since, why)
            await asyncio.sleep(wait_s)

    async def _use_socket(self) -> str:
        """Dial, and relay until the socket ends; returns why it did. Raises AgentUnreachableError."""
        socket = GatewaySocket(self)
        await socket.open(self._target, self._patience.dial_s)
        self._socket = socket
        lateness = asyncio.get_running_loop().call_later(self._patience.live_s, self._end_unless_live, socket)
        try:
            self._relay.connected()
            return await socket.wait_ended()
        finally:
            lateness.cancel()
            await socket.close()

    def _end_unless_live(self, socket: GatewaySocket) -> None:
        if not self._live.is_set():
            socket.end(f"the gateway did not take us in within {self._patience.live_s:g} s")

    # ------------------------------------------------------------------ SocketOwner

    def gateway_frame(self, frame: bytes) -> None:
        """A message of the gateway."""
        self._relay.from_gateway(frame)

    def gateway_lost(self, why: str) -> None:
        """The socket is gone; another is dialled."""
        self._socket = None
        log.info("the gateway is gone: %s", why)
        self._relay.lost()

    # ------------------------------------------------------------------ Surroundings

    def to_editor(self, frame: bytes) -> None:
        """Write to stdout; an editor that does not read stops us from reading the gateway."""
        self._output.write(frame)
        self._moved.set()
        if self._output.is_full and self._socket is not None:
            self._socket.pause()

    def to_gateway(self, frame: bytes) -> None:
        """Write to the socket, if there is one."""
        if self._socket is not None:
            self._socket.send(frame)

    def went_live(self) -> None:
        """What waited is on its way."""
        self._live.set()
        self._moved.set()

    def give_up(self, reason: str) -> None:
        """End the socket."""
        if self._socket is not None:
            self._socket.end(reason)
