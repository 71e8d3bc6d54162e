"""``lumilink up`` as a process of its own, in front of one agent."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, Self

import psutil
from process_census import left_over

LUMILINK: Final = Path(sys.executable).with_name("lumilink")
HELP_DEADLINE_S: Final = 60.0
READY_DEADLINE_S: Final = 90.0
STOP_GRACE_S: Final = 30.0
_POLL_S: Final = 0.05


class GatewayError(Exception):
    """The gateway did not start, or did not stop as it should; the text ends with its own last words."""


def is_available() -> bool:
    """Whether there is a ``lumilink up`` to start."""
    if not LUMILINK.exists():
        return False
    help_text = subprocess.run(
        [LUMILINK, "up", "--help"], capture_output=True, check=False, timeout=HELP_DEADLINE_S
    )
    return help_text.returncode == 0


class GatewayProcess:
    """A running gateway. A context manager: entered it is ready, left it has drained and stopped."""

    def __init__(self, target: str, folder: Path, environment: dict[str, str]) -> None:
        """``target`` is the agent; ``folder`` takes the gateway's data and logs."""
        self._environment = environment
        self.port = free_port()
        self._folder = folder
        self._command = [str(LUMILINK), "up", "--host", "127.0.0.1", "--port", str(self.port)]
        self._command += ["--agent", target, "--data-dir", str(folder / "data")]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its HTTP address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def acp_over_websocket(self) -> str:
        """Its ACP endpoint for WebSocket clients."""
        return f"ws://127.0.0.1:{self.port}/acp"

    @property
    def acp_over_http(self) -> str:
        """Its ACP endpoint for streamable HTTP clients."""
        return f"{self.url}/acp"

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._log("stdout").open("wb") as stdout, self._log("stderr").open("wb") as stderr:
            self._process = subprocess.Popen(
                self._command,
                stdout=stdout,
                stderr=stderr,
                stdin=subprocess.DEVNULL,
                env=self._environment,
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask it to stop. Raises ``GatewayError`` unless it ends in time, with 0 and all that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        started = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        stayed = left_over(started)
        if process.returncode != 0 or stayed:
            raise GatewayError(f"ended with {process.returncode}, leaving {stayed}: {self._last_words()}")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_DEADLINE_S
        ready = f"ready {self.url}"
        while ready not in self._log("stdout").read_text(errors="replace").splitlines():
            if process.poll() is not None:
                raise GatewayError(f"ended with {process.returncode}: {self._last_words()}")
            if time.monotonic() > deadline:
                raise GatewayError(f"no line {ready!r} in {READY_DEADLINE_S} s: {self._last_words()}")
            time.sleep(_POLL_S)

    def _log(self, stream: str) -> Path:
        return self._folder / f"{stream}.log"

    def _last_words(self) -> str:
        return "\n" + self._log("stderr").read_text(errors="replace")[-4000:]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
