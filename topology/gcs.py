"""Ray's control process, the GCS: with its state in Redis it may die, and is started anew.

Only for a Ray that ``lumilink up`` started itself; in a cluster that is the business of whoever runs it. The
sessions' streams do not pass the GCS, so they go on meanwhile.
"""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable
from typing import Final

import psutil

log = logging.getLogger("lumilink.topology")

GCS_NAMESPACE: Final = "RAY_external_storage_namespace"
PAUSE_S: Final = 2.0
"""The least time between two starts: it may die again and again, as long as Redis is away."""
PATIENCE_S: Final = 600
STOP_S: Final = 5.0
_PORT: Final = "--gcs_server_port="


def gcs_environment(redis: str, namespace: str) -> dict[str, str]:
    """What Ray has to be told before it starts: ``redis`` is HOST:PORT, ``namespace`` this life of Ray."""
    return {
        "RAY_REDIS_ADDRESS": redis,
        # What an earlier life left in the same Redis must not come back in this one.
        GCS_NAMESPACE: namespace,
        # Ray's processes end themselves when the GCS is away for this long; as it comes, 60 s.
        "RAY_gcs_rpc_server_reconnect_timeout_s": str(PATIENCE_S),
    }


class GcsKeeper:
    """Starts the process ``pid`` anew when it has died, so that it listens at ``port`` again.

    ``look`` is to be called about twice a second.
    """

    def __init__(self, pid: int, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        first = psutil.Process(pid)
        self._command = [f"{_PORT}{port}" if word.startswith(_PORT) else word for word in first.cmdline()]
        self._environment = first.environ()
        self._process: psutil.Process | psutil.Popen = first
        self._clock = clock
        self._started_at = clock()

    def look(self) -> None:
        """Start it if it is dead, but not at once if it has just been started."""
        if _lives(self._process) or self._clock() - self._started_at < PAUSE_S:
            return
        log.warning("Ray's GCS has died, and is started anew")
        self._started_at = self._clock()
        self._process = psutil.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """End the one that was started here; the first one is Ray's to end."""
        if isinstance(self._process, psutil.Popen) and _lives(self._process):
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except psutil.TimeoutExpired:
                self._process.kill()


def _lives(process: psutil.Process | psutil.Popen) -> bool:
    if isinstance(process, psutil.Popen):
        return process.poll() is None
    # A child that nobody has waited for is a zombie, and done.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
