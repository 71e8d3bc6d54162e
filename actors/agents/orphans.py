"""What agents of a worker that was killed had started: found by the mark that they inherited, and ended.

The kernel ends an agent with its worker; what the agent itself had started, such as a build or a server for
trying things out, would live on.
"""

from __future__ import annotations

import contextlib
import logging
import os
from typing import Final

import psutil

log = logging.getLogger("lumilink.agent")

LIFE: Final = "LUMILINK_LIFE"
"""The variable that tells of an agent, and of all that it starts, to which life of a worker it belongs."""

RUN_DIR: Final = "LUMILINK_RUN_DIR"
"""The variable that tells to which gateway: what ``topology/watchdog.py`` looks for."""


def marks(life: str) -> dict[str, str]:
    """The variables that an agent is given."""
    run_dir = os.environ.get(RUN_DIR)
    return {LIFE: life} | ({RUN_DIR: run_dir} if run_dir is not None else {})


def end_orphans(life: str) -> int:
    """End what is left of earlier lives of the same worker; returns how many processes that were. Blocks."""
    worker, _, own = life.rpartition(":")
    ended = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            of_worker, _, of_life = process.environ().get(LIFE, "").rpartition(":")
            if of_worker == worker and of_life != own:
                process.kill()
                ended += 1
    if ended:
        log.warning("%d processes that agents of a killed worker had started were ended", ended)
    return ended
