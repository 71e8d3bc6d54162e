"""A small process beside the gateway that ends what the gateway leaves, even where that was killed.

It reads a pipe that only ``lumilink up`` can write to. The pipe ends when ``up`` does, however it does; then
the watchdog ends every process of the gateway and removes its run directory. Ray alone does not do that: its
own processes notice that their driver is gone, but not HAProxy, nor what agents have started.

Agents come last. A worker that outlives its agent by a moment sees a turn that has ended, and starts the next
prompt that waits, for nobody.

The interpreter also writes every signal that ``up`` gets to the pipe, even while C++ code of Ray holds the
main thread and no handler runs. So a stop that hangs is cut short.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

MARK = "LUMILINK_RUN_DIR"
"""The variable by which the gateway's processes are known, its agents and what they start included."""

LIFE = "LUMILINK_LIFE"
"""The variable that tells agents, and what they start, from the gateway's own processes."""

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
STOP_LIMIT_S = 30.0
TERM_GRACE_S = 5.0
KILL_LIMIT_S = 10.0
POLL_S = 0.05
END_LIMIT_S = 2 * TERM_GRACE_S + 2 * KILL_LIMIT_S + 5.0


@contextlib.contextmanager
def watchdog(run_dir: Path) -> Iterator[None]:
    """Have a watchdog; at the end, wait until it has cleaned up. Enter it before ``MARK`` is set."""
    reading, writing = os.pipe()
    command = [sys.executable, "-I", __file__, str(run_dir), str(os.getpid())]
    # A session of its own: Ctrl-C in a terminal must not end it before its work is done.
    process = subprocess.Popen(command, stdin=reading, start_new_session=True)
    os.close(reading)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(-1)
        os.close(writing)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_LIMIT_S)


def main(run_dir: str, pid: int) -> None:
    """Wait for the end of the gateway ``pid``, then clean up after it."""
    for number in (*STOP_SIGNALS, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if not _ended(sys.stdin.fileno()):
        os.kill(pid, signal.SIGKILL)
    end_all(run_dir)
    shutil.rmtree(run_dir, ignore_errors=True)


def _ended(pipe: int) -> bool:
    """Wait for the end of the pipe; false if it takes more than ``STOP_LIMIT_S`` after a stop signal."""
    deadline: float | None = None
    while True:
        left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([pipe], [], [], left_s)[0]:
            return False
        signals = os.read(pipe, 64)
        if not signals:
            return True
        if deadline is None and any(number in STOP_SIGNALS for number in signals):
            deadline = time.monotonic() + STOP_LIMIT_S


def end_all(run_dir: str) -> None:
    """End all processes of a gateway, then its agents: politely, after ``TERM_GRACE_S`` by force."""
    found = belonging_to(run_dir)
    agents = _agents(found)
    _end([process for process in found if process not in agents])
    # What was found first is looked at again: children whose parents have gone are not found anew.
    _end(list({*found, *belonging_to(run_dir)}))
    _signal(belonging_to(run_dir), signal.SIGKILL)  # started in the last moment


def _end(processes: list[psutil.Process]) -> None:
    _signal(processes, signal.SIGTERM)
    _wait(processes, TERM_GRACE_S)
    deadline = time.monotonic() + KILL_LIMIT_S
    while (left := list(filter(_lives, processes))) and time.monotonic() < deadline:
        _signal(left, signal.SIGKILL)
        _wait(left, 1.0)


def _wait(processes: list[psutil.Process], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while any(map(_lives, processes)) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _lives(process: psutil.Process) -> bool:
    # A child that the gateway has not waited for yet is a zombie, and done.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def belonging_to(run_dir: str) -> list[psutil.Process]:
    """Every process that bears the gateway's mark, with all its descendants."""
    marked = [process for process in psutil.process_iter() if _variable(process, MARK) == run_dir]
    return list(_with_descendants(marked))


def _agents(processes: list[psutil.Process]) -> set[psutil.Process]:
    """Those that are agents, or were started by one."""
    return _with_descendants([process for process in processes if _variable(process, LIFE) is not None])


def _variable(process: psutil.Process, name: str) -> str | None:
    with contextlib.suppress(psutil.Error):
        found: str | None = process.environ().get(name)
        return found
    return None


def _with_descendants(processes: list[psutil.Process]) -> set[psutil.Process]:
    found = set(processes)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            found.update(process.children(recursive=True))
    return found


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
