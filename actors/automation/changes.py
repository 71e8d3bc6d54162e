"""What differs between two trees, and how large it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from actors.automation.contract import ChangeKind, FileChange
from actors.automation.scratch import Scratch
from actors.errors import CheckoutError

_NO_OBJECT: Final = "0"
_SUBMODULE: Final = "160000"
_TYPE_OF_MODE: Final = 2
"""So many digits of a mode tell a file, a link and a submodule apart."""

DIFF: Final = ("--no-ext-diff", "--no-textconv", "--no-color", "--find-renames", "-r")
"""How two trees are compared: renames found, and no program run that the checkout names."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A line of ``git diff-tree --raw``. ``status`` is its letter alone."""

    before_mode: str
    mode: str
    before_object: str
    object: str
    status: str
    before: str
    path: str

    @property
    def is_submodule(self) -> bool:
        """Whether it was or is one."""
        return _SUBMODULE in (self.before_mode, self.mode)

    def kind(self) -> ChangeKind:
        """What happened, in our words."""
        if self.status in "AC":
            return ChangeKind.ADDED
        if self.status == "D":
            return ChangeKind.DELETED
        if self.status == "R":
            return ChangeKind.RENAMED
        same_type = self.before_mode[:_TYPE_OF_MODE] == self.mode[:_TYPE_OF_MODE]
        mode_alone = self.before_mode != self.mode and self.before_object == self.object
        return ChangeKind.MODE if mode_alone or not same_type else ChangeKind.MODIFIED


async def changes_between(scratch: Scratch, before: str, after: str) -> tuple[FileChange, ...]:
    """The files that differ, in the order of their paths. Submodules are not among them."""
    told = await scratch.git("diff-tree", *DIFF, "--raw", "--numstat", "-z", before, after)
    fields = os.fsdecode(told.out).split("\0")
    differences, rest = read_raw(fields)
    binaries = set(read_binaries(rest))
    files = [one for one in differences if not one.is_submodule]
    sizes = await _sizes(scratch, [one.object for one in files if one.status != "D"])
    return tuple(
        FileChange(
            path=one.path,
            kind=one.kind(),
            size=0 if one.status == "D" else sizes[one.object],
            binary=one.path in binaries,
            before=one.before if one.status == "R" else None,
        )
        for one in files
    )


def read_raw(fields: list[str]) -> tuple[list[Difference], list[str]]:
    """Read what ``--raw -z`` prints, up to where something else begins, which is given back."""
    found: list[Difference] = []
    at = 0
    while at < len(fields) and fields[at].startswith(":"):
        before_mode, mode, before_object, now, status = fields[at][1:].split(" ")
        two_paths = status[0] in "RC"
        before = fields[at + 1]
        path = fields[at + 2] if two_paths else before
        found.append(Difference(before_mode, mode, before_object, now, status[0], before, path))
        at += 3 if two_paths else 2
    return found, fields[at:]


def read_binaries(fields: list[str]) -> Iterator[str]:
    """The paths that ``--numstat -z`` counts no lines of."""
    at = 0
    while at < len(fields) and fields[at]:
        added, _, path = fields[at].split("\t", 2)
        renamed = not path
        if added == "-":
            yield fields[at + 2] if renamed else path
        at += 3 if renamed else 1


async def _sizes(scratch: Scratch, objects: list[str]) -> dict[str, int]:
    asked = "\n".join(dict.fromkeys(objects))
    if not asked:
        return {}
    told = await scratch.git(
        "cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=f"{asked}\n".encode()
    )
    pairs = (line.split(" ") for line in told.text().split("\n"))
    try:
        return {name: int(size) for name, size in pairs}
    except ValueError as error:
        raise CheckoutError("a file that was just stored cannot be found again") from error
