"""What Ray Serve's HAProxy routes to now, by its admin socket (HAProxy Management Guide, section 9.3)."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Final

ADMIN_SOCKET: Final = "admin.sock"
_REPLICA_PREFIX: Final = "SERVE_REPLICA_"
_SERVER_UP: Final = "2"
_ANSWER_S: Final = 5.0
_POLL_S: Final = 0.05


def wait_until_routed(run_dir: Path, replicas: int, deadline_s: float) -> bool:
    """Wait until HAProxy sends requests to ``replicas`` replicas; False if ``deadline_s`` s pass first.

    Until then they go through Serve's own Python proxy: ten times as dear, and for as long as a socket lives.
    """
    deadline = time.monotonic() + deadline_s
    while len(_routed_replicas(run_dir)) < replicas:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _routed_replicas(run_dir: Path) -> set[str]:
    """The names of the replicas that HAProxy has and finds healthy; empty while it does not answer."""
    found: set[str] = set()
    for path in run_dir.glob(f"*/{ADMIN_SOCKET}"):
        try:
            table = _ask(path, "show servers state")
        except OSError:  # it starts, or hands over to its successor
            continue
        # Columns: backend id and name, server id and name, address, operational state, ...
        rows = [line.split() for line in table.splitlines() if line and not line.startswith("#")]
        found |= {
            row[3]
            for row in rows
            if len(row) > 5 and row[3].startswith(_REPLICA_PREFIX) and row[5] == _SERVER_UP
        }
    return found


def _ask(path: Path, command: str) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER_S)
        connection.connect(str(path))
        connection.sendall(f"{command}\n".encode())
        parts: list[bytes] = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts).decode(errors="replace")
