"""CPU and memory of named processes, by psutil."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping

import psutil

from actors.errors import SettingsError

OWN_ROLE = "generator"
ELSEWHERE = "elsewhere"


class ProcessWatch:
    """Sums over the processes of each role. A process that ends counts with what was last seen of it."""

    def __init__(self, roles: Mapping[str, Iterable[int]]) -> None:
        self._roles = {role: _existing(pids) for role, pids in roles.items()}
        self._last: dict[psutil.Process, float] = {}

    def cpu_s(self) -> dict[str, float]:
        """User and system seconds so far by role, and of all else on the machine as ``elsewhere``."""
        spent = {role: sum(map(self._cpu_of, members)) for role, members in self._roles.items()}
        ours = sum(self._last.values())  # not the sum over roles: one process may have two
        machine = psutil.cpu_times()
        busy = machine.user + machine.system + machine.nice + machine.irq + machine.softirq
        return {**spent, ELSEWHERE: busy - ours}

    def rss_bytes(self) -> dict[str, int]:
        """Resident set by role."""
        return {role: sum(map(_rss_of, members)) for role, members in self._roles.items()}

    def _cpu_of(self, process: psutil.Process) -> float:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            self._last[process] = times.user + times.system
        return self._last.get(process, 0.0)


def growth(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """``after`` minus ``before``, role by role."""
    return {role: after[role] - before[role] for role in before}


def parse_roles(texts: Iterable[str]) -> dict[str, list[int]]:
    """``role=PID,PID`` texts as a mapping, with this process as ``generator``; raises SettingsError."""
    roles = {OWN_ROLE: [os.getpid()]}
    for text in texts:
        role, _, pids = text.partition("=")
        if not role or not all(pid.isdigit() for pid in pids.split(",")):
            raise SettingsError(f"--watch {text!r} is not ROLE=PID or ROLE=PID,PID")
        roles[role] = [int(pid) for pid in pids.split(",")]
    return roles


def _existing(pids: Iterable[int]) -> list[psutil.Process]:
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


def _rss_of(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
