"""The demonstration of the fallback runs to its end, and each of its steps holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300, func_only=True)]

ROOT = Path(__file__).parents[2]
STEPS = (
    "6 sessions work over ACP 1.0.0",
    "turn-interrupted",
    "toast: ",
    "all sessions go on over HTTP, on the same socket",
    "the workspace is rolled back by itself",
    "auditors see the rollback",
    "the sessions work over ACP again",
    "one conversation",
)


def test_every_step_of_the_demonstration_holds() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "loadtests.demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = [line.removeprefix("ok   ") for line in ended.stdout.splitlines()]
    assert [step in line for step, line in zip(STEPS, told, strict=True)] == [True] * len(STEPS), told
