"""``lumilink up`` as a process of its own, with everything that belongs to it in view."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import httpx
import psutil

from support import process_census

LUMILINK: Final = Path(sys.executable).with_name("lumilink")
SCRIPTED_AGENT: Final = Path(__file__).with_name("scripted_agent.py")
READY_DEADLINE_S: Final = 120.0
STOP_DEADLINE_S: Final = 60.0
LEAVE_DEADLINE_S: Final = 30.0
_POLL_S: Final = 0.05
_LAST_WORDS: Final = 4000


class GatewayError(Exception):
    """The gateway did not start, or did not stop as it should; the text ends with its own last words."""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now, nor takes for an outgoing connection later."""
    while True:
        port = random.randrange(10_000, 20_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def scripted_agent_target() -> str:
    """The TARGET of the agent that does what its prompts say; see ``scripted_agent.py``."""
    # -I and -S: it needs the standard library alone, and starts in a tenth of the time.
    return f"stdio:{sys.executable} -I -S {SCRIPTED_AGENT}"


class GatewayProcess:
    """A gateway. A context manager: entered it is ready, left it has stopped and left nothing behind.

    ``folder`` takes its data, settings and logs; ``settings`` are written to its settings file. It listens on
    ``listens``, and is talked to on loopback.
    """

    def __init__(self, folder: Path, target: str, *, listens: str = "127.0.0.1", **settings: object) -> None:
        self.folder = folder
        # Ray makes sockets in it, and their paths must be short, so it cannot be in ``folder``.
        self.temp = Path(tempfile.mkdtemp(prefix="gw-"))
        self.port = free_port()
        self.mark = process_census.new_mark()
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "lumilink.toml"
        self.config.write_text("".join(f"{name} = {_toml(value)}\n" for name, value in settings.items()))
        self._arguments = ["up", "--host", listens, "--port", str(self.port), "--agent", target]
        self._arguments += ["--data-dir", str(folder / "data"), "--config", str(self.config)]
        self._ready = f"ready http://{listens}:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    # ------------------------------------------------------------------ where it is

    @property
    def host(self) -> str:
        """Its address and port, as a Host header has them."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its HTTP address."""
        return f"http://{self.host}"

    @property
    def acp_over_http(self) -> str:
        """Its ACP endpoint for streamable HTTP clients."""
        return f"{self.url}/acp"

    @property
    def acp_over_websocket(self) -> str:
        """Its ACP endpoint for WebSocket clients."""
        return f"ws://{self.host}/acp"

    # ------------------------------------------------------------------ its life

    @property
    def command(self) -> list[str]:
        """How it is started."""
        return [str(LUMILINK), *self._arguments]

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_until_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, for the first time or again, in a process group of its own, as a shell does."""
        self.temp.mkdir(exist_ok=True)
        with self._log("stdout").open("wb") as stdout, self._log("stderr").open("wb") as stderr:
            self._process = subprocess.Popen(
                self.command,
                stdout=stdout,
                stderr=stderr,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                env=os.environ | {process_census.MARK: self.mark, "TMPDIR": str(self.temp)},
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Wait for the ready line. Raises GatewayError if it ends instead, or takes too long."""
        deadline = time.monotonic() + READY_DEADLINE_S
        while self._ready not in self.said("stdout").splitlines():
            if self.process.poll() is not None:
                raise GatewayError(f"ended with {self.process.returncode}: {self.last_words()}")
            if time.monotonic() > deadline:
                raise GatewayError(f"not ready in {READY_DEADLINE_S:g} s: {self.last_words()}")
            time.sleep(_POLL_S)

    def stop(self, number: int = signal.SIGTERM, *, whole_group: bool = False) -> None:
        """Signal it, or all of its group as a terminal does, and wait for its end.

        Raises GatewayError unless it ends in time, with 0, and nothing of it is left.
        """
        run_dirs = self.run_dirs()
        if whole_group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        code = self.wait()
        left = self.left_after(LEAVE_DEADLINE_S) + [str(path) for path in run_dirs if path.exists()]
        if code != 0 or left:
            self.kill()
            raise GatewayError(f"ended with {code}, leaving {left}: {self.last_words()}")
        shutil.rmtree(self.temp)

    def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        try:
            return self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise GatewayError(f"did not end in {STOP_DEADLINE_S:g} s: {self.last_words()}") from None

    def kill(self) -> None:
        """End it and all that belongs to it, by force."""
        self.process.kill()
        self.process.wait()
        process_census.kill_all(self.processes())

    # ------------------------------------------------------------------ what belongs to it

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The ``lumilink up`` process."""
        if self._process is None:
            raise GatewayError("was not started")
        return self._process

    def processes(self) -> list[psutil.Process]:
        """Every living process of it."""
        return process_census.marked(self.mark)

    def left_after(self, within_s: float) -> list[str]:
        """Which processes of it still live after ``within_s`` seconds; empty as soon as there is none."""
        return process_census.left_after(self.processes, within_s)

    def agents(self) -> list[psutil.Process]:
        """The processes of its agents."""
        return [
            *process_census.running(self.mark, str(SCRIPTED_AGENT)),
            *process_census.running(self.mark, "actors.agents.example"),
        ]

    def workers(self) -> list[psutil.Process]:
        """Its workers."""
        return process_census.titled(self.mark, "ray::WorkerShell")

    def worker_of(self, cwd: object) -> psutil.Process:
        """The worker that runs the agents of a working directory. Raises GatewayError if none does."""
        for agent in self.agents():
            with contextlib.suppress(psutil.NoSuchProcess):
                parent = agent.parent()
                if parent is not None and Path(agent.cwd()) == Path(str(cwd)):
                    return parent
        raise GatewayError(f"no agent works in {cwd}: {self.last_words()}")

    def haproxies(self) -> list[psutil.Process]:
        """Its HAProxy; two for a moment, when it has just been given new settings."""
        return process_census.titled(self.mark, "/bin/haproxy")

    def replicas(self) -> list[psutil.Process]:
        """Its ingress replicas."""
        return process_census.titled(self.mark, "ray::ServeReplica:ingress:")

    def capacity_actors(self) -> list[psutil.Process]:
        """Its capacity actor."""
        return process_census.titled(self.mark, "ray::CapacityShell")

    def events_actors(self) -> list[psutil.Process]:
        """Its events actor."""
        return process_census.titled(self.mark, "ray::EventsShell")

    def projectors(self) -> list[psutil.Process]:
        """The process of the projector; Ray names it after its class."""
        return process_census.titled(self.mark, "ray::ProjectorShell")

    def run_dirs(self) -> set[Path]:
        """Where its sockets are: the folder that HAProxy was told to take its settings from."""
        said = [" ".join(process.cmdline()) for process in self.haproxies()]
        return {Path(found) for text in said for found in re.findall(r"/\S*?/lumilink-[^/]+", text)}

    async def topology(self) -> dict[str, list[dict[str, object]]]:
        """What ``/api/v1/topology`` answers."""
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{self.url}/api/v1/topology", timeout=10.0)
        found: dict[str, list[dict[str, object]]] = answer.raise_for_status().json()
        return found

    # ------------------------------------------------------------------ what it said

    def said(self, stream: str) -> str:
        """All that it wrote to ``stdout`` or ``stderr``."""
        return self._log(stream).read_text(errors="replace")

    def last_words(self) -> str:
        """The end of its standard error, and where its logs are, for the text of a failure."""
        return f"logs in {self.folder} and {self.temp}\n{self.said('stderr')[-_LAST_WORDS:]}"

    def _log(self, stream: str) -> Path:
        return self.folder / f"{stream}.log"


def run_to_its_end(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """``lumilink`` with arguments that it refuses at once."""
    return subprocess.run(
        [str(LUMILINK), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=STOP_DEADLINE_S,
    )


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float) else f'"{value}"'
