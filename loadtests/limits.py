"""How many sockets a process of the benchmark may open."""

from __future__ import annotations

import resource

from actors.errors import SettingsError


def ensure_open_files(needed: int) -> None:
    """Raise this process's limit of open files to ``needed``, for itself and for what it starts.

    Raises SettingsError where the system's hard limit is lower.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SettingsError(
            f"this load needs {needed} open files a process, but the hard limit is {hard}: "
            f"raise it with 'ulimit -Hn {needed}' as root or in limits.conf, or load fewer sessions"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
