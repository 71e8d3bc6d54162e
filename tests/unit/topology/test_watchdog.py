"""What the watchdog ends, and in which order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from actors.agents import orphans
from topology import watchdog

PROCESS = """
import os, signal, sys, time
def end(*_):
    time.sleep(0.03)
    with open(sys.argv[1], "a") as order:
        order.write(sys.argv[2] + "\\n")
    os._exit(0)
signal.signal(signal.SIGTERM, end if sys.argv[2] != "deaf" else signal.SIG_IGN)
print("there", flush=True)
time.sleep(60)
"""

Started = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def order(tmp_path: Path) -> Path:
    """Where processes note that they end."""
    return tmp_path / "order"


@pytest.fixture
def start(tmp_path: Path, order: Path) -> Iterator[Started]:
    """Starts a process of the gateway that has its run directory in ``tmp_path``, or of one of its agents."""
    started = []

    def made(name: str, **variables: str) -> subprocess.Popen[bytes]:
        environment = {watchdog.MARK: str(tmp_path), **variables}
        command = [sys.executable, "-I", "-S", "-c", PROCESS, str(order), name]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        return process

    yield made
    for process in started:
        process.kill()
        process.communicate()


def test_agents_are_marked_as_the_watchdog_expects(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(watchdog.MARK, "here")

    assert orphans.marks("life") == {watchdog.MARK: "here", watchdog.LIFE: "life"}


def test_agents_are_ended_after_the_gateways_own_processes(start: Started, order: Path, tmp_path: Path):
    agent = start("agent", **{watchdog.LIFE: "gw:worker-0:1"})
    worker = start("worker")
    watchdog.end_all(str(tmp_path))

    assert order.read_text().splitlines() == ["worker", "agent"]
    assert (agent.wait(5), worker.wait(5)) == (0, 0)


def test_who_does_not_listen_is_ended_by_force_before_the_agents(
    start: Started, order: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(watchdog, "TERM_GRACE_S", 0.05)
    start("agent", **{watchdog.LIFE: "gw:worker-0:1"})
    worker = start("deaf")
    watchdog.end_all(str(tmp_path))

    assert worker.wait(5) == -9
    assert order.read_text().splitlines() == ["agent"]


def test_processes_of_others_are_left_alone(start: Started, order: Path, tmp_path: Path):
    other = start("other", **{watchdog.MARK: str(tmp_path / "another")})
    start("mine")
    watchdog.end_all(str(tmp_path))

    assert order.read_text().splitlines() == ["mine"]
    assert psutil.Process(other.pid).is_running()
