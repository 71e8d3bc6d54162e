"""GitHub's stand-in for the load: repositories, a checkout for each session, and what is there in the end.

The stand-in is that of the tests (``tests/support/github_server.py``), in a process of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import msgspec

TOKEN: Final = "ghp_" + "4ut0m4t3" * 4
"""Opens the stand-in, and nothing else."""
MINUTE_S: Final = 60.0

_OWNER: Final = "acme"
_FILES: Final = {"README.md": "An app.\n", "app.py": "print(1)\n", "docs/start.md": "Start.\n"}
_WITHIN_S: Final = 60.0


class HeldPull(msgspec.Struct):
    """A pull request, as the stand-in tells it."""

    head: str


class HeldRepository(msgspec.Struct):
    """A repository, as the stand-in tells it: commits by branch, and its pull requests."""

    branches: dict[str, str]
    pulls: list[HeldPull]


class _State(msgspec.Struct):
    repositories: dict[str, HeldRepository]
    calls: list[str]
    limited: int


@dataclass(frozen=True)
class Found:
    """What is at the stand-in: all branches but ``main``, their commits, and the pull requests.

    ``changes`` counts commits that differ in what they hold, and ``heads`` branches that have a pull request:
    where one is less than ``commits`` or ``pulls``, something was done twice.
    """

    branches: int = 0
    commits: int = 0
    changes: int = 0
    pulls: int = 0
    heads: int = 0
    calls: int = 0
    limited: int = 0

    def made(self) -> dict[str, int]:
        """The counts of what each run makes one of."""
        return {
            "branches": self.branches,
            "commits": self.commits,
            "different commits": self.changes,
            "pull requests": self.pulls,
            "branches with a pull request": self.heads,
        }


@dataclass(frozen=True)
class ForgeAccount:
    """The stand-in that listens at ``url`` and has its repositories in ``home``."""

    url: str
    home: Path

    def limit(self, calls: int | None, contents: int | None) -> None:
        """Let it take so many calls, and make so many things, a minute; None: any number."""
        told = {"calls_an_hour": calls, "contents_a_minute": contents, "hour_s": MINUTE_S}
        self._control("limits", told)

    def add_repository(self, name: str, template: Path) -> None:
        """A new repository, and a checkout of it to be copied."""
        self._control("repositories", {"owner": _OWNER, "name": name, "files": _FILES})
        _git(self.home, "clone", "--quiet", "--template=", str(self._bare(name)), str(template))
        _git(template, "remote", "set-url", "origin", f"{self.url}/{_OWNER}/{name}.git")

    def found(self) -> Found:
        """What is there now."""
        answer = httpx.get(f"{self.url}/_control/state", timeout=_WITHIN_S).raise_for_status()
        state = msgspec.json.decode(answer.content, type=_State)
        trees = [tree for name in state.repositories for tree in self._trees(name)]
        return counted(state.repositories, trees, state.calls, state.limited)

    def _trees(self, full_name: str) -> list[str]:
        """What each commit of a repository's branches holds, but for the first one of all."""
        bare = self._bare(full_name.partition("/")[2])
        told = _git(bare, "log", "--branches", "--not", "main", "--format=%T")
        return [f"{full_name} {tree}" for tree in told.split()]

    def _bare(self, name: str) -> Path:
        return self.home / _OWNER / f"{name}.git"

    def _control(self, what: str, told: Mapping[str, object]) -> None:
        httpx.post(f"{self.url}/_control/{what}", json=told, timeout=_WITHIN_S).raise_for_status()


def counted(
    repositories: Mapping[str, HeldRepository], trees: list[str], calls: list[str], limited: int
) -> Found:
    """The counts; ``trees`` has what each commit holds, ``calls`` also has those of git."""
    heads = {(name, pull.head) for name, one in repositories.items() for pull in one.pulls}
    return Found(
        branches=sum(len(one.branches) - 1 for one in repositories.values()),
        commits=len(trees),
        changes=len(set(trees)),
        pulls=sum(len(one.pulls) for one in repositories.values()),
        heads=len(heads),
        calls=sum(" /repos/" in call for call in calls),
        limited=limited,
    )


def forge_command(home: Path) -> list[str]:
    """How the stand-in is started. Nice, because it stands for machines that are elsewhere."""
    home.mkdir(parents=True)
    command = [sys.executable, "-m", "support.github_server", "--home", str(home), "--token", TOKEN]
    return ["nice", "-n", "10", *command]


def make_checkouts(account: ForgeAccount, folder: Path, sessions: int, repositories: int) -> list[Path]:
    """A checkout for each session, of one repository after the other."""
    templates = []
    for number in range(min(repositories, sessions)):
        templates.append(folder / "templates" / f"app-{number}")
        templates[-1].parent.mkdir(parents=True, exist_ok=True)
        account.add_repository(f"app-{number}", templates[-1])
    checkouts = [folder / f"session-{number}" for number in range(sessions)]
    for number, checkout in enumerate(checkouts):
        shutil.copytree(templates[number % len(templates)], checkout)
    return checkouts


def _git(cwd: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True, timeout=_WITHIN_S
    )
    return done.stdout
