"""Who belongs to a gateway: every process that inherited its mark, wherever it was moved since."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Final

import psutil

MARK: Final = "GATEWAY_UNDER_TEST"
"""The variable that marks a gateway's processes. Agents inherit it too, unlike the gateway's own."""

_POLL_S: Final = 0.1


def new_mark() -> str:
    """A value of ``MARK`` that no other gateway has."""
    return uuid.uuid4().hex


def marked(mark: str) -> list[psutil.Process]:
    """Every living process that bears the mark."""
    return [process for process in psutil.process_iter() if _bears(process, mark)]


def titled(mark: str, title: str) -> list[psutil.Process]:
    """Those of them whose command line contains ``title``."""
    return [process for process in marked(mark) if title in _command(process)]


def running(mark: str, program: str) -> list[psutil.Process]:
    """Those of them whose last argument is ``program``."""
    return [process for process in marked(mark) if _command(process).endswith(f" {program}")]


def left_after(find: Callable[[], Sequence[psutil.Process]], within_s: float) -> list[str]:
    """What ``find`` still finds after ``within_s`` seconds, described; empty as soon as it finds nothing."""
    deadline = time.monotonic() + within_s
    while left := find():
        if time.monotonic() > deadline:
            return [f"{process.pid}: {_command(process)[:120]}" for process in left]
        time.sleep(_POLL_S)
    return []


def kill_all(processes: Sequence[psutil.Process]) -> None:
    """See off what a failed test left on the machine."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _bears(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False  # gone meanwhile, or another user's


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return "gone"
