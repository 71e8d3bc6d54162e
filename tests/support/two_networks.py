"""A network that nobody can dial into: two network namespaces, one behind the other. Needs root and ``ip``.

The machine has a link to the namespace *between*, and that has one to *behind*. Between does not route: so
the machine and what is behind have no way to each other, but for what a program in between carries on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Self

HERE, BETWEEN, BETWEEN_INWARD, BEHIND = "10.213.7.1", "10.213.7.2", "10.213.8.1", "10.213.8.2"
INWARD = "10.213.8.0/30"


def can_be_made() -> bool:
    """Whether this machine lets us."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    made = _try("netns", "add", _name("probe"))
    _try("netns", "del", _name("probe"))
    return made


def _name(of: str) -> str:
    return f"ll{os.getpid()}{of}"


class TwoNetworks:
    """A context manager: entered both are there, left they are gone with all that was in them."""

    def __init__(self) -> None:
        self._between, self._behind = _name("m"), _name("r")

    def __enter__(self) -> Self:
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        _try("route", "del", "unreachable", INWARD)
        _try("link", "del", _name("v"))
        for name in (self._behind, self._between):
            _try("netns", "del", name)

    @property
    def between(self) -> list[str]:
        """The command before a command that is to run in between."""
        return ["ip", "netns", "exec", self._between]

    @property
    def behind(self) -> list[str]:
        """The command before a command that is to run behind."""
        return ["ip", "netns", "exec", self._behind]

    def cut(self) -> None:
        """Nothing comes through to what is behind, and nothing from it; no connection is told so."""
        _ip("-n", self._between, "link", "set", "inward", "down")

    def mend(self) -> None:
        """All is as before."""
        _ip("-n", self._between, "link", "set", "inward", "up")

    def _make(self) -> None:
        between, behind, ours = self._between, self._behind, _name("v")
        for name in (between, behind):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("link", "add", ours, "type", "veth", "peer", "name", "outward", "netns", between)
        _ip("-n", between, "link", "add", "inward", "type", "veth", "peer", "name", "out", "netns", behind)
        _ip("addr", "add", f"{HERE}/30", "dev", ours)
        _ip("link", "set", ours, "up")
        # Else it would look for it where all other addresses are.
        _ip("route", "add", "unreachable", INWARD)
        for name, address, link in (
            (between, BETWEEN, "outward"),
            (between, BETWEEN_INWARD, "inward"),
            (behind, BEHIND, "out"),
        ):
            _ip("-n", name, "addr", "add", f"{address}/30", "dev", link)
            _ip("-n", name, "link", "set", link, "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=20)


def _try(*arguments: str) -> bool:
    done = subprocess.run(["ip", *arguments], check=False, capture_output=True, timeout=20)
    return done.returncode == 0
