"""Starting an agent's process so that it can't outlive us, and ending it with all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Final

import psutil

_PR_SET_PDEATHSIG: Final = 1
_INHERITED: Final = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LOGNAME",
    "PATH",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
)
_LOOK_AGAIN_S: Final = 0.02
_KILL_TAKES_S: Final = 1.0

# Loaded here, because between fork and exec nothing may be loaded any more.
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What an agent's process sees: a few harmless variables of ours, and what its session sets.

    Our own environment may hold secrets of other tenants, so the rest of it is not passed on.
    """
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | dict(extra)


def die_with_us() -> Callable[[], None]:
    """What a child runs before ``exec`` so that the kernel kills it when we end, be it by ``kill -9``.

    It must be set from within the child, and a launcher in between would cost every start some 50 ms; hence
    the one use of ``preexec_fn``. That is unsafe in a program with threads where it takes a lock, so it does
    two system calls and no more. The kernel watches the *thread* that forked: dial from a loop that lives
    as long as the process. Only the agent itself is bound in this way; what it started sees its pipes close.
    """
    parent = os.getpid()

    def before_exec() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:  # we died before the kernel was told
                os._exit(1)

    return before_exec


async def find_others(leader: int) -> list[psutil.Process]:
    """All that the process ``leader``, the leader of its session, has started.

    Its descendants, and whatever is in its session even where its parents have gone. What left the session
    can be found only as long as its parents live, so look before anything is ended.
    """
    return await asyncio.to_thread(_others, leader)


async def memory_of(leader: int) -> int:
    """Bytes of memory that the process ``leader`` and its descendants take; 0 if it has ended."""
    return await asyncio.to_thread(_memory, leader)


async def end_process_tree(
    leader: int, exited: asyncio.Event, others: list[psutil.Process], grace_s: float
) -> None:
    """End ``leader``, a child of ours, and ``others``: first politely, after ``grace_s`` seconds by force.

    ``exited`` is set by whoever waits for ``leader``.
    """
    _signal_all(leader, exited, others, signal.SIGTERM)
    if await _all_gone(exited, others, grace_s):
        return
    others = others + await find_others(leader)
    _signal_all(leader, exited, others, signal.SIGKILL)
    await _all_gone(exited, others, _KILL_TAKES_S)


def _memory(leader: int) -> int:
    try:
        first = psutil.Process(leader)
        members = [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    size = 0
    for member in members:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            size += member.memory_info().rss
    return size


def _others(leader: int) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    with contextlib.suppress(psutil.NoSuchProcess):
        found = {child.pid: child for child in psutil.Process(leader).children(recursive=True)}
    for pid in psutil.pids():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            if pid != leader and os.getsid(pid) == leader:
                found[pid] = psutil.Process(pid)
    return list(found.values())


def _signal_all(
    leader: int, exited: asyncio.Event, others: list[psutil.Process], number: signal.Signals
) -> None:
    if not exited.is_set():  # until it is waited for, no other process can have its number
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, number)
    for other in others:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            other.send_signal(number)


async def _all_gone(exited: asyncio.Event, others: list[psutil.Process], within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await exited.wait()
            # The kernel tells us of our own children only.
            while any(_lives(other) for other in others):  # noqa: ASYNC110 - no event to wait for
                await asyncio.sleep(_LOOK_AGAIN_S)
    except TimeoutError:
        return False
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
