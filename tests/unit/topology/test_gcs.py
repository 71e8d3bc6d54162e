from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from topology.gcs import PAUSE_S, GcsKeeper, gcs_environment

PROGRAM = (
    "import os, sys, time; "
    "open(sys.argv[1], 'a').write(' '.join([sys.argv[2], os.environ['RAY_REDIS_ADDRESS']]) + chr(10)); "
    "time.sleep(60)"
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "record"


@pytest.fixture
def process(record: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(record), "--gcs_server_port=0"]
    with subprocess.Popen(command, env=gcs_environment("127.0.0.1:6379", "one")) as running:
        wait_for_lines(record, 1)
        yield running
        running.kill()


def wait_for_lines(record: Path, count: int) -> list[str]:
    deadline = time.monotonic() + 10.0
    while not record.exists() or len(record.read_text().splitlines()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return record.read_text().splitlines()


def test_a_process_that_died_is_started_as_it_was_but_for_its_port(
    process: subprocess.Popen[bytes], record: Path
) -> None:
    clock = Clock()
    keeper = GcsKeeper(process.pid, 4711, clock)
    process.kill()
    process.wait()
    clock.now += PAUSE_S
    keeper.look()

    assert wait_for_lines(record, 2)[1] == "--gcs_server_port=4711 127.0.0.1:6379"
    keeper.stop()


def test_one_that_lives_is_left_alone_and_one_that_keeps_dying_is_not_started_all_the_time(
    process: subprocess.Popen[bytes], record: Path
) -> None:
    clock = Clock()
    keeper = GcsKeeper(process.pid, 4711, clock)
    clock.now += PAUSE_S
    keeper.look()
    assert children() == {process.pid}

    process.kill()
    process.wait()
    keeper.look()
    wait_for_lines(record, 2)
    [second] = children() - {process.pid}
    psutil.Process(second).kill()
    psutil.Process(second).wait()
    keeper.look()
    assert len(record.read_text().splitlines()) == 2

    clock.now += PAUSE_S
    keeper.look()
    wait_for_lines(record, 3)
    keeper.stop()
    assert not {pid for pid in children() if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE} - {
        process.pid
    }


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}
