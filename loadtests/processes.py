"""Starting what is measured, finding its processes, and ending all of them whatever happens."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import psutil

from actors.errors import AgentStartError, AgentUnreachableError

_POLL_S: Final = 0.05
_KILL_WITHIN_S: Final = 5.0
_TAIL_CHARS: Final = 600
_MARKER: Final = "LUMILINK_BENCH_RUN"


class Launched:
    """A started process with all that it started in turn; what it prints goes to ``log``.

    Its family is found by descent and by a variable in the environment that children inherit, because daemons
    leave the tree and some processes overwrite their environment.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        self._token = secrets.token_hex(8)
        self._started = time.monotonic()
        environment = {**os.environ, _MARKER: self._token, "PYTHONUNBUFFERED": "1"}
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        self._known: set[psutil.Process] = set()

    @property
    def pid(self) -> int:
        """Process id of the first process."""
        return self._process.pid

    def wait_ready(self, within_s: float) -> tuple[str, float]:
        """The address on the ``ready`` line, and the seconds from the start until it was printed.

        Raises AgentStartError where the process ends first, AgentUnreachableError after ``within_s``.
        """
        while time.monotonic() - self._started < within_s:
            for line in self.log.read_text(errors="replace").splitlines():
                if line.startswith("ready "):
                    return line.split()[1], time.monotonic() - self._started
            if self._process.poll() is not None:
                status = self._process.returncode
                raise AgentStartError(f"{self.name} ended with status {status} unready: {self.tail()}")
            time.sleep(_POLL_S)
        raise AgentUnreachableError(f"{self.name} was not ready within {within_s:g} s: {self.tail()}")

    def ended(self, within_s: float) -> int | None:
        """Its exit status, once it has ended; None if it has not within ``within_s``."""
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return None

    def tail(self) -> str:
        """The end of what it printed, on one line."""
        text = self.log.read_text(errors="replace").strip()
        return " | ".join(text[-_TAIL_CHARS:].splitlines()) or "it printed nothing"

    def family(self) -> set[psutil.Process]:
        """All living processes that belong to it, those that left its tree among them."""
        roots = [process for process in psutil.process_iter() if self._is_marked(process)]
        for root in roots:
            self._known.add(root)
            with contextlib.suppress(psutil.Error):
                self._known.update(root.children(recursive=True))
        return {process for process in self._known if process.is_running()}

    def stop(self, within_s: float) -> None:
        """Ask it to end; after ``within_s``, or at a further Ctrl-C, kill what is left of its family."""
        self.family()
        try:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(within_s)
        finally:
            self._kill_family()

    def _kill_family(self) -> None:
        left = self.family()
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, _KILL_WITHIN_S)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_KILL_WITHIN_S)

    def _is_marked(self, process: psutil.Process) -> bool:
        if process.pid == self.pid:
            return True
        with contextlib.suppress(psutil.Error, OSError):
            return process.environ().get(_MARKER) == self._token
        return False


@contextlib.contextmanager
def launched(
    name: str, command: Sequence[str], folder: Path, stop_within_s: float = 5.0
) -> Iterator[Launched]:
    """A process that runs for the length of the block; its log is ``folder/name.log``.

    Raises AgentStartError where the command cannot be started.
    """
    try:
        process = Launched(name, command, folder / f"{name}.log")
    except OSError as error:
        raise AgentStartError(f"{name} could not be started: {error}") from None
    try:
        yield process
    finally:
        process.stop(stop_within_s)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
