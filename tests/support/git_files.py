"""Repositories in temporary folders, made and looked at by git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

CALM = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_AUTHOR_DATE": "@1700000000 +0000",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_COMMITTER_DATE": "@1700000000 +0000",
    "GIT_TERMINAL_PROMPT": "0",
}


def git(where: Path, *arguments: str, stdin: bytes = b"", environment: dict[str, str] | None = None) -> str:
    """Run git in a folder; its output without the last line's end."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=where,
        input=stdin,
        capture_output=True,
        env=CALM | (environment or {}),
        timeout=30,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace')}")
    return os.fsdecode(done.stdout).rstrip("\n")


def write(where: Path, files: dict[str, str | bytes]) -> None:
    """Write files, with the folders that they are in."""
    for name, content in files.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def repository(
    where: Path, files: dict[str, str | bytes], origin: str = "https://github.com/acme/app.git"
) -> Path:
    """A checkout on the branch ``main`` with one commit of these files."""
    where.mkdir(parents=True, exist_ok=True)
    git(where, "init", "--quiet", "--initial-branch=main")
    if origin:
        git(where, "remote", "add", "origin", origin)
    write(where, files)
    git(where, "add", "--all")
    git(where, "commit", "--quiet", "--allow-empty", "--message", "first")
    return where


def tree_that_git_adds(where: Path, to: Path) -> str:
    """The tree of ``git add --all && git write-tree``, in a copy of the checkout."""
    subprocess.run(["cp", "--archive", str(where), str(to)], check=True, timeout=30)
    git(to, "add", "--all")
    return git(to, "write-tree")


def state(where: Path) -> dict[str, object]:
    """Everything of a git directory that an automation has to leave alone."""
    git_dir = where / ".git"
    kept = {
        path.relative_to(git_dir).as_posix(): path.read_bytes()
        for path in sorted(git_dir.rglob("*"))
        if path.is_file()
        and "objects" not in path.relative_to(git_dir).parts
        and "lumilink" not in path.parts
    }
    return {
        "files": kept,
        "status": git(where, "--no-optional-locks", "status", "--porcelain=v2", "--branch"),
    }
