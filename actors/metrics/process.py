"""What every process shows of itself."""

from __future__ import annotations

import time

import psutil

from actors.metrics.catalogue import CPU_SECONDS, RESIDENT_BYTES, STARTED_SECONDS
from actors.metrics.meters import Meters


def watch_process(meters: Meters) -> None:
    """Show its processor time, its memory and its age."""
    process = psutil.Process()
    meters.watch(CPU_SECONDS, time.process_time)
    meters.watch(RESIDENT_BYTES, lambda: process.memory_info().rss)
    meters.watch(STARTED_SECONDS, process.create_time)
