"""How much memory there is for agents on this machine, or in this container if it has less."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_CGROUP: Final = Path("/sys/fs/cgroup")
"""Of a container, its own; version 2 of control groups."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes: what there is, and what a new process could take without anything being swapped out."""

    total: int
    available: int


def measured(cgroup: Path = _CGROUP) -> Memory:
    """Memory as it is now."""
    machine = psutil.virtual_memory()
    limit, used = _read(cgroup / "memory.max"), _read(cgroup / "memory.current")
    if limit is None or used is None or limit >= machine.total:
        return Memory(machine.total, machine.available)
    # Pages of files that were not used of late are given up first, but count as used.
    room = limit - used + (_inactive_file(cgroup) or 0)
    return Memory(limit, max(0, min(room, machine.available)))


def _read(path: Path) -> int | None:
    """The number in a file; None where there is no such file, or no limit."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _inactive_file(cgroup: Path) -> int | None:
    try:
        lines = (cgroup / "memory.stat").read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("inactive_file ")]
    return int(found[0]) if found else None
