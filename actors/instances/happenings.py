"""New lines as live events: some of them, so that an agent that logs much does not drown all else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from actors.events.contract import LiveEvent, live_event, timestamp
from actors.instances.lines import LogLine

NAME: Final = "instance:log"
MAX_TOLD: Final = 10
"""Of one instance at a time, which is about a second."""


def events_of(lines: Sequence[LogLine]) -> list[LiveEvent]:
    """The last 10 lines of each instance; the first of these says how many were ``skipped`` before it."""
    count = Counter((line.installation, line.instance_id) for line in lines)
    seen: defaultdict[tuple[str, str], int] = defaultdict(int)
    told: list[LiveEvent] = []
    for line in lines:
        key = line.installation, line.instance_id
        seen[key] += 1
        before = count[key] - MAX_TOLD
        if seen[key] > before:
            told.append(_event(line, max(0, before) if seen[key] == max(0, before) + 1 else 0))
    return told


def _event(line: LogLine, skipped: int) -> LiveEvent:
    data: dict[str, object] = {
        "instanceId": line.instance_id,
        "timestamp": timestamp(line.at),
        "level": line.level,
        "message": line.message,
        "source": line.source,
    }
    if skipped:
        data["skipped"] = skipped
    return live_event(NAME, line.installation, data, line.at)
