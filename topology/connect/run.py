"""``lumilink connect`` as a process: its descriptors, signals, log and exit code."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from topology.connect.bridge import Bridge
from topology.connect.descriptors import Input
from topology.connect.endpoint import acp_target


async def run_connect(url: str, key: str = "") -> int:
    """Be an ACP agent on stdin and stdout until the editor closes them; returns the exit code.

    ``key`` is shown to the gateway. 1 if no gateway was there within 10 s of the start. Raises SettingsError
    for a URL that is none.
    """
    target = acp_target(url, key)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="lumilink connect: %(message)s")
    bridge = Bridge(target, Input(sys.stdin.fileno()), sys.stdout.fileno())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, bridge.stop)
    return await bridge.run()
