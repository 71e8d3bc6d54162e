"""The lines of a runner's agents on their way up: gathered, and sent once a second."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Final

from actors import errors
from topology.runner.gateway import RunnerGateway

log = logging.getLogger("lumilink.runner")

EVERY_S: Final = 1.0
AT_ONCE: Final = 200
MAX_GATHERED: Final = 2_000
"""Of what comes while the gateway is away, the oldest are left out."""


class LogLines:
    """Adding a line never waits."""

    def __init__(self, gateway: RunnerGateway) -> None:
        self._gateway = gateway
        self._lines: deque[str] = deque(maxlen=MAX_GATHERED)

    def add(self, line: str) -> None:
        """One more."""
        if line.strip():
            self._lines.append(line)

    async def run(self, agent_id: str) -> None:
        """Send what is gathered, for as long as the runner lives."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.send(agent_id)

    async def send(self, agent_id: str) -> None:
        """Send what is gathered now; what is not taken for now stays."""
        while self._lines:
            lines = [self._lines[number] for number in range(min(AT_ONCE, len(self._lines)))]
            try:
                await self._gateway.log(agent_id, lines)
            except errors.GatewayUnreachableError as error:
                log.debug("lines wait: %s", error)
                return
            except errors.LumiLinkError as error:
                log.warning("%d lines are not taken: %s", len(lines), error)
            for _ in range(min(len(lines), len(self._lines))):
                self._lines.popleft()
