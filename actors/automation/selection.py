"""Which of the changed files are committed, and which are left out, and why."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actors.automation.changes import read_raw
from actors.automation.contract import LeftOut, Limits
from actors.automation.scratch import Scratch
from actors.errors import ChangesRefusedError, CheckoutError

_MIB: Final = 1024 * 1024
_UNSET: Final = ("unspecified", "unset")

SUBMODULE: Final = "A submodule: which of its commits is used is left as it is."
NESTED: Final = "A repository of its own inside this one, which is no submodule."
REFUSED: Final = "Matches a pattern of what is never committed."
ODD: Final = "Neither a file nor a link."
UNREADABLE: Final = "It cannot be read."


@dataclass(frozen=True, slots=True)
class Candidate:
    """A path that differs from the index. ``size`` is None where it is gone from the files."""

    path: str
    size: int | None
    reason: str | None = None


async def left_out(scratch: Scratch, limits: Limits) -> tuple[LeftOut, ...]:
    """What of the changes is not to be committed. Raises ChangesRefusedError where the rest is too much."""
    found = await _candidates(scratch, limits)
    refused = await _refused(scratch, limits.refused, [one.path for one in found])
    filtered = await _filtered(scratch, [one.path for one in found if one.size is not None])
    out: list[LeftOut] = []
    kept: list[Candidate] = []
    for one in found:
        reason = one.reason or (REFUSED if one.path in refused else filtered.get(one.path))
        if reason is None:
            kept.append(one)
        else:
            out.append(LeftOut(one.path, reason))
    _check_sum(kept, limits)
    return tuple(sorted(out, key=lambda one: os.fsencode(one.path)))


async def restore_submodules(scratch: Scratch, parent: str) -> tuple[LeftOut, ...]:
    """Let each submodule in our index be what it is in ``parent``, even where somebody has staged another."""
    told = await scratch.git(
        "diff-index", "--cached", "--raw", "-z", "--no-renames", "--ignore-submodules=none", parent
    )
    differences, _ = read_raw(os.fsdecode(told.out).split("\0"))
    staged = [one for one in differences if one.is_submodule]
    if staged:
        before = [f"{one.before_mode} {one.before_object} 0\t{one.path}" for one in staged]
        await scratch.git("update-index", "-z", "--index-info", stdin=_listed(before))
    return tuple(LeftOut(one.path, SUBMODULE) for one in staged)


async def _candidates(scratch: Scratch, limits: Limits) -> list[Candidate]:
    """Everything that differs from the index or is not in it, but for what is ignored."""
    # Without this, a file whose time alone changed would count as one that differs. Its code says only
    # whether there are such files.
    await scratch.try_git("update-index", "-q", "--refresh")
    tracked, others = await asyncio.gather(
        scratch.git("diff-files", "--raw", "-z", "--no-renames", "--ignore-submodules=none"),
        scratch.git("ls-files", "-z", "--others", "--exclude-standard"),
    )
    differences, _ = read_raw(os.fsdecode(tracked.out).split("\0"))
    submodules = {one.path for one in differences if one.is_submodule}
    untracked = [path for path in os.fsdecode(others.out).split("\0") if path]
    paths = dict.fromkeys([*(one.path for one in differences), *untracked])
    return await asyncio.to_thread(_weighed, scratch.worktree.top, paths, submodules, limits)


def _weighed(top: Path, paths: Iterable[str], submodules: set[str], limits: Limits) -> list[Candidate]:
    return [_weigh(top, path, path in submodules, limits) for path in paths]


def _weigh(top: Path, path: str, is_submodule: bool, limits: Limits) -> Candidate:
    if is_submodule:
        return Candidate(path, 0, SUBMODULE)
    if path.endswith("/"):
        return Candidate(path.rstrip("/"), 0, NESTED)
    try:
        found = (top / path).lstat()
    except OSError:
        return Candidate(path, None)
    if stat.S_ISDIR(found.st_mode):
        return Candidate(path, None)  # a folder where a file was: the file is gone
    if stat.S_ISLNK(found.st_mode):
        return Candidate(path, found.st_size)
    if not stat.S_ISREG(found.st_mode):
        return Candidate(path, found.st_size, ODD)
    if found.st_size > limits.file_bytes:
        return Candidate(path, found.st_size, _too_large(found.st_size, limits.file_bytes))
    readable = os.access(top / path, os.R_OK)
    return Candidate(path, found.st_size, None if readable else UNREADABLE)


def _too_large(size: int, most: int) -> str:
    return f"It has {size / _MIB:.1f} MiB, and one file may have {most / _MIB:.1f} MiB."


def _check_sum(kept: Sequence[Candidate], limits: Limits) -> None:
    if len(kept) > limits.files:
        raise ChangesRefusedError(f"{len(kept)} files have changed, and a commit may have {limits.files}")
    size = sum(one.size or 0 for one in kept)
    if size > limits.total_bytes:
        raise ChangesRefusedError(
            f"the changed files have {size / _MIB:.1f} MiB,"
            f" and a commit may have {limits.total_bytes / _MIB:.1f} MiB"
        )


async def _refused(scratch: Scratch, patterns: Sequence[str], paths: Sequence[str]) -> set[str]:
    """The paths that match the operator's patterns, asked where no .gitignore has a say."""
    if not patterns or not paths:
        return set()
    home = scratch.home / "patterns"
    await asyncio.to_thread(_furnish_patterns, home, patterns)
    told = await scratch.try_git(
        *("check-ignore", "--no-index", "-z", "--stdin"),
        # With the dot, a name that begins like a pattern of git's is a name.
        stdin=_listed(f"./{path}" for path in paths),
        cwd=home / "empty",
        environment={
            "GIT_DIR": str(home),
            "GIT_WORK_TREE": str(home / "empty"),
            "GIT_INDEX_FILE": str(home / "index"),
        },
    )
    if told.code not in (0, 1):
        raise CheckoutError(f"git check-ignore failed: {told.err.strip()}")
    return {path.removeprefix("./") for path in os.fsdecode(told.out).split("\0") if path}


def _furnish_patterns(home: Path, patterns: Sequence[str]) -> None:
    for folder in ("refs", "info", "empty"):
        (home / folder).mkdir(parents=True)
    (home / "HEAD").write_text("ref: refs/heads/none\n")
    (home / "info" / "exclude").write_text("".join(f"{pattern}\n" for pattern in patterns))


async def _filtered(scratch: Scratch, paths: Sequence[str]) -> dict[str, str]:
    """The paths that .gitattributes sends through a filter (Git LFS is one), each with the reason."""
    if not paths:
        return {}
    told = await scratch.git("check-attr", "-z", "--stdin", "filter", stdin=_listed(paths))
    fields = os.fsdecode(told.out).split("\0")
    found = zip(fields[0::3], fields[2::3], strict=False)
    return {
        path: f"Goes through the filter {value}, which is not run here."
        for path, value in found
        if value not in _UNSET
    }


def _listed(paths: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)
