"""Running git: it ends by its deadline, with all that it started, and says no more than it may."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from actors.automation.git import run, surroundings
from actors.errors import CheckoutError


def as_program(script: str) -> list[str]:
    """Arguments by which git runs a shell's script in its own group."""
    return ["-c", f"alias.program=!{script}", "program"]


async def gone(pid: int) -> bool:
    """Whether a process ends; one that was killed may take a moment to be buried."""
    for _ in range(200):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or ") Z " in status.read_text():
            return True
        await asyncio.sleep(0.005)
    return False


async def test_git_ends_at_its_deadline(tmp_path: Path):
    with pytest.raises(TimeoutError):
        await run(as_program("sleep 60 #"), cwd=tmp_path, deadline_s=0.02)


async def test_what_git_started_ends_with_it(tmp_path: Path):
    running = asyncio.create_task(
        run(as_program("sleep 60 & echo $! >part; mv part pid; wait #"), cwd=tmp_path)
    )
    async with asyncio.timeout(20):
        while not (tmp_path / "pid").exists():
            await asyncio.sleep(0.005)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_output_is_cut_and_git_stopped_where_it_says_too_much(tmp_path: Path):
    done = await run(as_program("yes"), cwd=tmp_path, most_bytes=100_000, deadline_s=20)
    assert (len(done.out), done.cut) == (100_000, True)


async def test_errors_are_kept_in_part_and_without_secrets(tmp_path: Path):
    address = "https://ada:ghp_0123456789012345678901234567890123456789@x/y"
    script = f"echo {address} >&2; yes x | head -c 90000 >&2 #"
    done = await run(as_program(script), cwd=tmp_path, deadline_s=20)
    assert "ghp_" not in done.err
    assert 0 < len(done.err) <= 16 * 1024


async def test_git_that_ends_before_it_has_read_everything_is_no_failure(tmp_path: Path):
    done = await run(["--version"], cwd=tmp_path, stdin=b"x" * 1_000_000, deadline_s=20)
    assert done.text().startswith("git version")


async def test_a_machine_without_git_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CheckoutError, match="git could not be started"):
        await run(["--version"], cwd=tmp_path)


async def test_a_folder_that_is_gone_is_told_so(tmp_path: Path):
    with pytest.raises(CheckoutError, match="No such file"):
        await run(["--version"], cwd=tmp_path / "gone")


def test_credentials_of_the_surroundings_are_not_passed_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LUMILINK_GITHUB_TOKEN", "ghp_secret")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.pager=evil'")
    assert not {"LUMILINK_GITHUB_TOKEN", "GIT_CONFIG_PARAMETERS"} & set(surroundings())


def test_what_takes_long_to_load_is_not_loaded_before_the_first_call():
    loaded = "import sys, actors.automation.hands; print({'githubkit', 'jwt'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "set()"
