"""What can be measured: LumiLink, two baselines, and nothing at all between generator and agent."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import psutil

from loadtests.processes import Launched

SERVER: Final = "server"
"""Role of all processes on the message path together."""

AGENT: Final = "agent"
WORKER: Final = "worker"
INGRESS: Final = "ingress"
HAPROXY: Final = "haproxy"
CONTROL: Final = "control"
"""Role of all else that a target runs: Ray's own processes, supervisors."""

_TOPOLOGY_WITHIN_S: Final = 10.0

ON_PATH: Final = (SERVER, WORKER, INGRESS, HAPROXY)
"""Roles whose CPU and memory are held against the updates."""

Roles = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Target:
    """How to start one way between client and agent, and which of its processes do the work.

    ``command`` takes port, agent address and a data directory; ``roles`` takes the started process and its
    address. Times are in seconds.
    """

    name: str
    title: str
    command: Callable[[int, str, Path], list[str]] | None
    roles: Callable[[Launched, str], Roles]
    ready_within_s: float = 20.0
    stop_within_s: float = 10.0


class _Process(msgspec.Struct):
    pid: int


class _Topology(msgspec.Struct):
    workers: list[_Process]
    ingress: list[_Process]


def path_roles(topology: bytes, family: set[psutil.Process]) -> Roles:
    """LumiLink's processes by role, from the body of ``GET /api/v1/topology`` and all that ``up`` started."""
    answer = msgspec.json.decode(topology, type=_Topology)
    workers = sorted(process.pid for process in answer.workers)
    ingress = sorted(process.pid for process in answer.ingress)
    haproxy = sorted(process.pid for process in family if _name(process).startswith("haproxy"))
    path = [*workers, *ingress, *haproxy]
    control = sorted({process.pid for process in family} - set(path))
    return {SERVER: path, WORKER: workers, INGRESS: ingress, HAPROXY: haproxy, CONTROL: control}


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _lumilink_roles(process: Launched, address: str) -> Roles:
    with urllib.request.urlopen(f"{address}/api/v1/topology", timeout=_TOPOLOGY_WITHIN_S) as answer:
        return path_roles(answer.read(), process.family())


def _lumilink_command(port: int, agent: str, data_dir: Path) -> list[str]:
    program = Path(sys.executable).with_name("lumilink")
    start = [str(program)] if program.exists() else [sys.executable, "-m", "topology.cli"]
    return [
        *start,
        "up",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--agent",
        agent,
        "--data-dir",
        str(data_dir),
    ]


def _baseline(module: str) -> Callable[[int, str, Path], list[str]]:
    def command(port: int, agent: str, _: Path) -> list[str]:
        return [sys.executable, "-m", f"loadtests.baselines.{module}", "--port", str(port), "--agent", agent]

    return command


def _one_process(process: Launched, _: str) -> Roles:
    return {SERVER: [process.pid]}


DIRECT: Final = Target("direct", "no gateway", None, lambda *_: {})
RELAY: Final = Target("relay", "uvicorn relay", _baseline("uvicorn_relay"), _one_process)
SDK_GATEWAY: Final = Target("sdk-gateway", "SDK gateway", _baseline("sdk_gateway"), _one_process)
LUMILINK: Final = Target(
    "lumilink", "LumiLink", _lumilink_command, _lumilink_roles, ready_within_s=90.0, stop_within_s=30.0
)

TARGETS: Final = {target.name: target for target in (DIRECT, RELAY, SDK_GATEWAY, LUMILINK)}
