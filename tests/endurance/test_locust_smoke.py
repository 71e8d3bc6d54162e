"""The smallest load profile runs by its command, and every target of it holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180, func_only=True)]

ROOT = Path(__file__).parents[2]


def test_the_smoke_profile_keeps_all_its_targets_and_writes_a_report(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    ended = subprocess.run(
        [sys.executable, "-m", "loadtests.locust", "--profile", "smoke", "--report", str(report)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "MISSED" not in ended.stdout
    assert "session/prompt" in report.read_text()
