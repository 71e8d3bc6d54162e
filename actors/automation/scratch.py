"""A git directory of our own over a checkout's files and objects.

A checkout's configuration is written by whoever works in it, and git's configuration runs programs and sends
requests elsewhere: filters, diff drivers, hooks, proxies, rewritten addresses, credential helpers. So it is
never in force where we look at files, or have a token. A command runs in a directory made for it, with the
checkout's objects, files and a copy of its index, and of its configuration only what changes nothing but how
files are read.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from actors.automation.git import MOST_BYTES, Finished, run
from actors.automation.worktree import Worktree
from actors.errors import CheckoutError

_HARMLESS: Final = (
    "core.autocrlf",
    "core.eol",
    "core.filemode",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.symlinks",
)
"""What is taken over of a checkout's configuration."""


class Scratch:
    """A git directory of our own over a worktree, with an index of its own. It ends with its block."""

    def __init__(self, worktree: Worktree, home: Path, deadline_s: float) -> None:
        self.worktree = worktree
        self.home = home
        self._deadline_s = deadline_s

    @property
    def index(self) -> Path:
        """The copy of the checkout's index."""
        return self.home / "index"

    def environment(self) -> dict[str, str]:
        """What makes git work in here, on the checkout's files and objects."""
        return {
            "GIT_DIR": str(self.home),
            "GIT_WORK_TREE": str(self.worktree.top),
            "GIT_OBJECT_DIRECTORY": str(self.worktree.objects),
            "GIT_INDEX_FILE": str(self.index),
        }

    async def try_git(
        self,
        *arguments: str,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> Finished:
        """Run git, whatever its code is. Raises CheckoutError where it takes too long."""
        try:
            return await run(
                arguments,
                cwd=cwd or self.worktree.top,
                environment=self.environment() | dict(environment or {}),
                stdin=stdin,
                deadline_s=self._deadline_s,
                most_bytes=most_bytes,
            )
        except TimeoutError as error:
            raise CheckoutError(f"git {arguments[0]} took more than {self._deadline_s:g} s") from error

    async def git(
        self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> Finished:
        """Run git, which has to succeed. Raises CheckoutError where it does not."""
        done = await self.try_git(*arguments, stdin=stdin, environment=environment)
        if done.cut:
            raise CheckoutError(f"git {arguments[0]} has more to tell than {MOST_BYTES} bytes")
        if done.code:
            raise CheckoutError(f"git {arguments[0]} failed: {done.err.strip() or f'code {done.code}'}")
        return done


@asynccontextmanager
async def scratch(worktree: Worktree, deadline_s: float) -> AsyncIterator[Scratch]:
    """A scratch directory for a few commands."""
    kept = await harmless_settings(worktree, deadline_s)
    home = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="lumilink-git-"))
    try:
        await asyncio.to_thread(_furnish, worktree, home, kept)
        yield Scratch(worktree, home, deadline_s)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, home, ignore_errors=True))


async def harmless_settings(worktree: Worktree, deadline_s: float) -> Sequence[tuple[str, str]]:
    """What is taken over of the checkout's configuration; files that it includes are not read."""
    config = str(worktree.common_dir / "config")
    told = await run(
        ["config", "--file", config, "--null", "--get-regexp", r"^core\."],
        cwd=worktree.top,
        deadline_s=deadline_s,
    )
    pairs = [entry.partition("\n") for entry in os.fsdecode(told.out).split("\0") if entry]
    return [(name, value) for name, _, value in pairs if name in _HARMLESS and value.isalnum()]


def _furnish(worktree: Worktree, home: Path, settings: Sequence[tuple[str, str]]) -> None:
    """What git asks of a git directory, and what of the checkout's says which files are meant."""
    for folder in ("refs", "info", "objects"):
        (home / folder).mkdir()
    (home / "HEAD").write_text("ref: refs/heads/none\n")
    (home / "config").write_text(_config(worktree, settings))
    for name in ("exclude", "attributes"):
        _copy(worktree.common_dir / "info" / name, home / "info" / name)
    _copy(worktree.common_dir / "shallow", home / "shallow")
    # With its time: by that, git knows which files may have changed without it showing.
    _copy(worktree.git_dir / "index", home / "index")
    for shared in worktree.git_dir.glob("sharedindex.*"):
        _copy(shared, home / shared.name)


def _config(worktree: Worktree, settings: Sequence[tuple[str, str]]) -> str:
    lines = ["[core]", "\trepositoryformatversion = 1", "\tbare = false"]
    lines += [f"\t{name.removeprefix('core.')} = {value}" for name, value in settings]
    lines += ["[extensions]", f"\tobjectformat = {worktree.object_format}"]
    return "\n".join(lines) + "\n"


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        shutil.copy2(source, target)
