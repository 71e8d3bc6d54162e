"""The npm packages these tests use, installed once from the lock file; ``.npmrc`` keeps their scripts off."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
MODULES: Final = HERE / "node_modules"
INSTALL_DEADLINE_S: Final = 300.0

_LOCK: Final = HERE / "package-lock.json"
_INSTALLED_LOCK: Final = MODULES / ".installed-lock.json"


class NodeMissingError(Exception):
    """Node or npm is not on this machine."""


def node() -> str:
    """Where Node is. Raises ``NodeMissingError``."""
    return _program("node")


def install() -> Path:
    """Install what the lock file names, unless that is what is there; return ``node_modules``.

    Test processes that run side by side wait for each other here. Raises ``NodeMissingError``, and
    ``subprocess.CalledProcessError`` when npm fails.
    """
    npm = _program("npm")
    with _alone():
        wanted = _LOCK.read_bytes()
        if not _INSTALLED_LOCK.exists() or _INSTALLED_LOCK.read_bytes() != wanted:
            subprocess.run([npm, "ci"], cwd=HERE, check=True, timeout=INSTALL_DEADLINE_S)
            _INSTALLED_LOCK.write_bytes(wanted)
    return MODULES


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise NodeMissingError(f"{name} is not on this machine")
    return found


@contextmanager
def _alone() -> Iterator[None]:
    folder = os.open(HERE, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
