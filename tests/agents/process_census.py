"""Who is still there: counting an agent's processes, and seeing off those that outstay their welcome."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
from npm_packages import MODULES

LEAVING_S: Final = 10.0


def alive(home: Path) -> list[psutil.Process]:
    """The processes of agents that were started with ``home``, and their children, whoever owns them now."""
    return [process for process in psutil.process_iter() if _is_agent_of(process, home)]


def left_over(processes: Sequence[psutil.Process]) -> list[str]:
    """The names of those that don't end by themselves in ``LEAVING_S``.

    They are killed, so that a failed test leaves nothing on the machine either.
    """
    names = []
    _gone, stayed = psutil.wait_procs(processes, LEAVING_S)
    for process in stayed:
        with suppress(psutil.NoSuchProcess):
            names.append(f"{process.name()} ({process.pid})")
            process.kill()
    return names


def _is_agent_of(process: psutil.Process, home: Path) -> bool:
    try:
        from_here = any(str(MODULES) in part for part in process.cmdline())
        return from_here and process.environ().get("HOME") == str(home)
    except psutil.Error:
        return False  # gone meanwhile, or another user's
