"""The gateway and the agent of a chaos run as processes: started, killed, started again, stopped."""

from __future__ import annotations

import contextlib
import shutil
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import sample
from typing import Final

import psutil

from actors.errors import AgentUnreachableError
from loadtests.chaos.kills import Victim
from loadtests.processes import Launched

_GATEWAY_READY_S: Final = 120.0
_AGENT_READY_S: Final = 30.0
_STOP_S: Final = 60.0
_PORT_FREE_S: Final = 20.0
_KILL_WITHIN_S: Final = 10.0
_POLL_S: Final = 0.1
_PORTS: Final = range(20_000, 30_000)
"""Below those that the system gives to outgoing connections, which would take a port while it is free."""

_TITLES: Final = {
    Victim.WORKER: "ray::WorkerShell",
    Victim.INGRESS: "ray::ServeReplica:ingress:",
    Victim.HAPROXY: "/bin/haproxy",
    Victim.CAPACITY: "ray::CapacityShell",
    Victim.POOL: "ray::PoolShell",
    Victim.PROJECTOR: "ray::ProjectorShell",
    Victim.EVENTS: "ray::EventsShell",
    Victim.ROLLOUT: "ray::RolloutShell",
    Victim.REPORTING: "ray::ServeReplica:reporting:",
}


def lasting_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and nobody is given by chance."""
    return next(port for port in sample(_PORTS, len(_PORTS)) if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass
class Processes:
    """A gateway with its agent, whose data and logs are in ``folder``. Every method blocks."""

    folder: Path
    workers: int = 2
    replicas: int = 2
    port: int = field(default_factory=lasting_port)
    agent_port: int = field(default_factory=lasting_port)
    _gateway: Launched | None = None
    _agent: Launched | None = None
    _starts: int = 0

    def __post_init__(self) -> None:
        # Ray makes sockets in it, and their paths must be short, so it cannot be in ``folder``.
        self._temp = Path(tempfile.mkdtemp(prefix="chaos-"))

    # ------------------------------------------------------------------ where things are

    @property
    def url(self) -> str:
        """The gateway's WebSocket endpoint."""
        return f"ws://127.0.0.1:{self.port}/acp"

    @property
    def data_dir(self) -> Path:
        """The gateway's data directory."""
        return self.folder / "data"

    @property
    def agent_record(self) -> Path:
        """What the agent was told and said."""
        return self.folder / "agent.jsonl"

    # ------------------------------------------------------------------ starting and stopping

    def start_agent(self) -> None:
        """Start the agent, and wait until it serves. Raises AgentStartError or AgentUnreachableError."""
        command = [sys.executable, "-m", "loadtests.chaos.agent", "--port", str(self.agent_port)]
        command += ["--record", str(self.agent_record)]
        self._agent = self._launch("agent", command)
        self._agent.wait_ready(_AGENT_READY_S)

    def start_gateway(self) -> None:
        """Start the gateway, and wait until it serves. Raises as ``start_agent``."""
        self._wait_for_port()
        program = Path(sys.executable).with_name("lumilink")
        environment = {
            "TMPDIR": self._temp,
            "LUMILINK_INGRESS_REPLICAS": self.replicas,
            "LUMILINK_DASHBOARD": "false",
        }
        command = ["env", *(f"{name}={value}" for name, value in environment.items()), str(program), "up"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--workers", str(self.workers)]
        command += ["--agent", f"ws://127.0.0.1:{self.agent_port}/acp", "--data-dir", str(self.data_dir)]
        self._gateway = self._launch("gateway", command)
        self._gateway.wait_ready(_GATEWAY_READY_S)

    def stop_gateway(self) -> None:
        """Ask the gateway to stop, as an operator does, and wait for its end."""
        if self._gateway is not None:
            self._gateway.stop(_STOP_S)

    def end(self) -> None:
        """End all that runs, by force where it must be, and bring Ray's logs into the folder."""
        for launched in (self._gateway, self._agent):
            if launched is not None:
                launched.stop(_KILL_WITHIN_S)
        for session in self._temp.glob("ray/session_2*"):
            with contextlib.suppress(OSError, shutil.Error):
                shutil.copytree(session / "logs", self.folder / "ray" / session.name, dirs_exist_ok=True)
        shutil.rmtree(self._temp, ignore_errors=True)

    # ------------------------------------------------------------------ killing

    def find(self, victim: Victim, which: float) -> list[psutil.Process]:
        """What to kill for one of a kind, ``which`` of the living (0.0-1.0); empty if none lives."""
        launched = self._agent if victim is Victim.AGENT else self._gateway
        if launched is None:
            return []
        family = sorted(launched.family(), key=lambda process: int(process.pid))
        if victim in (Victim.AGENT, Victim.GATEWAY):
            return family
        living = [process for process in family if _TITLES[victim] in _command_of(process)]
        return living[int(which * len(living)) :][:1]

    def restore(self, victim: Victim) -> None:
        """Start again what nothing else starts again. Raises as ``start_agent``."""
        if victim is Victim.AGENT and self._agent is not None:
            self._agent.stop(_KILL_WITHIN_S)
            self.start_agent()
        elif victim is Victim.GATEWAY and self._gateway is not None:
            self._gateway.stop(_KILL_WITHIN_S)
            self.start_gateway()

    # ------------------------------------------------------------------ within

    def _launch(self, name: str, command: list[str]) -> Launched:
        self._starts += 1
        name = f"{name}-{self._starts}"
        return Launched(name, command, self.folder / f"{name}.log")

    def _wait_for_port(self) -> None:
        """What was killed may hold the port for a moment. Raises AgentUnreachableError."""
        deadline = time.monotonic() + _PORT_FREE_S
        while time.monotonic() < deadline:
            if _is_free(self.port):
                return
            time.sleep(_POLL_S)
        raise AgentUnreachableError(f"port {self.port} was not free within {_PORT_FREE_S:g} s")


def _command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
