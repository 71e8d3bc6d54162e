"""Lines on their way to the log of an instance, and where a worker gathers them."""

from __future__ import annotations

import re
import time
from collections import deque
from enum import StrEnum
from typing import Final

from msgspec import Struct

from actors.protocol.redaction import redact

MAX_GATHERED: Final = 5_000
"""Lines of a process that were not taken yet; of what comes then the oldest are left out."""
MAX_CHARS: Final = 2_000
_LEVEL: Final = re.compile(
    r"\b(?:(TRACE)|(DEBUG)|(INFO)|(WARN|WARNING)|(ERROR|FATAL|CRITICAL))\b", re.IGNORECASE | re.ASCII
)
_LOOKED_AT: Final = 80
"""Where in a line its level stands, if it names one."""


class LogLevel(StrEnum):
    """How much a line matters."""

    TRACE = "TRACE"
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class LogSource(StrEnum):
    """Who says a line."""

    AGENT = "agent"
    """The agent, on its standard error."""
    LIFECYCLE = "lifecycle"
    """We do, of the agent."""
    RUNNER = "runner"
    """The runner."""


class LogLine(Struct, frozen=True, gc=False):
    """One line of an instance of an installation; ``at`` is epoch milliseconds. It holds no credential."""

    installation: str
    instance_id: str
    at: int
    level: LogLevel
    message: str
    source: LogSource


def line_of(
    installation: str,
    instance_id: str,
    message: str,
    source: LogSource,
    level: LogLevel | None = None,
    at: int | None = None,
) -> LogLine:
    """A line without credentials, cut at 2,000 characters. Its level is found in it unless given."""
    shown = redact(message.replace("\0", "\ufffd"))
    if len(shown) > MAX_CHARS:
        shown = f"{shown[: MAX_CHARS - 1]}…"
    moment = int(time.time() * 1000) if at is None else at
    return LogLine(installation, instance_id, moment, level or level_in(shown), shown, source)


def level_in(message: str) -> LogLevel:
    """The level that a line names near its beginning, else INFO."""
    found = _LEVEL.search(message[:_LOOKED_AT])
    return LogLevel.INFO if found is None or found.lastindex is None else list(LogLevel)[found.lastindex - 1]


class GatheredLines:
    """What was logged in this process and not taken yet. Adding a line never waits."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque(maxlen=MAX_GATHERED)

    def add(self, line: LogLine) -> None:
        """One more; the oldest goes where there are too many."""
        self._lines.append(line)

    def take(self, most: int) -> list[LogLine]:
        """The oldest ``most``, which are not gathered any more."""
        return [self._lines.popleft() for _ in range(min(most, len(self._lines)))]

    def put_back(self, lines: list[LogLine]) -> None:
        """They were not taken after all; those for which there is no room are left out."""
        room = MAX_GATHERED - len(self._lines)
        self._lines.extendleft(reversed(lines[max(0, len(lines) - room) :]))


LINES: Final = GatheredLines()
"""Those of this process."""
