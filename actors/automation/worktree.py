"""Where a checkout keeps its files and its objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actors.automation.git import run
from actors.errors import CheckoutError

_FORMATS: Final = ("sha1", "sha256")


@dataclass(frozen=True, slots=True)
class Worktree:
    """A checkout: its files, its own git directory, and the one that it may share with linked worktrees."""

    top: Path
    git_dir: Path
    common_dir: Path
    object_format: str

    @property
    def objects(self) -> Path:
        """Where its commits, trees and files are stored."""
        return self.common_dir / "objects"


async def find(directory: Path, deadline_s: float) -> Worktree:
    """The checkout that a directory is in. Raises CheckoutError where it is in none that can be used."""
    top = _top(directory)
    asked = ("--absolute-git-dir", "--git-common-dir", "--show-object-format", "--is-bare-repository")
    told = await run([f"--git-dir={top / '.git'}", "rev-parse", *asked], cwd=top, deadline_s=deadline_s)
    lines = told.text().split("\n")
    if told.code or len(lines) != len(asked):
        raise CheckoutError(
            f"{top} is no git checkout that can be used: {told.err.strip() or 'it is broken'}"
        )
    if lines[3] == "true":
        raise CheckoutError(f"{top} is a bare repository, which has no files")
    if lines[2] not in _FORMATS:
        raise CheckoutError(f"{top} names its objects by {lines[2]!r}, which is not known here")
    return _checked(Worktree(top, _from(top, lines[0]), _from(top, lines[1]), lines[2]))


def _top(directory: Path) -> Path:
    for one in (directory, *directory.parents):
        if (one / ".git").exists():
            return one.resolve()
    raise CheckoutError(f"{directory} is in no git checkout")


def _from(top: Path, told: str) -> Path:
    return (top / told).resolve()


def _checked(worktree: Worktree) -> Worktree:
    """The git directory is in the checkout, or says itself that the checkout is its own (a linked worktree).

    Else a file named ``.git``, or a link, could make a commit out of somebody else's repository.
    """
    top, git_dir, common_dir = worktree.top, worktree.git_dir, worktree.common_dir
    has_own = git_dir.is_relative_to(top) and common_dir.is_relative_to(top)
    pointer = git_dir / "gitdir"
    is_linked = pointer.is_file() and Path(pointer.read_text().strip()).resolve() == top / ".git"
    belongs = has_own or (is_linked and git_dir.is_relative_to(common_dir))
    if belongs and worktree.objects.resolve().is_relative_to(common_dir):
        return worktree
    raise CheckoutError(f"the git directory of {top} is elsewhere, and does not say that {top} belongs to it")
