"""What all clients of the chaos run write down, and what they count together."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import msgspec

from loadtests.chaos.recovery import Recoveries
from topology.verify.client_record import ClientLine


class ClientLog:
    """The record of all clients. A context manager: left, the record is complete.

    ``outcomes`` counts how prompts ended, by stop reason or code; ``refusals`` what was told to try again, by
    code; ``away`` attempts to connect that failed, by what failed.
    """

    def __init__(self, path: Path, recoveries: Recoveries) -> None:
        self.recoveries = recoveries
        self.returns = 0
        self.outcomes: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.away: Counter[str] = Counter()
        self._file = path.open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Complete the record. Once is enough."""
        self._file.close()

    def write(self, line: ClientLine) -> None:
        """Add a line to the record, with the time."""
        line.at = time.time_ns() // 1_000_000
        self._file.write(msgspec.json.encode(line) + b"\n")


class _Data(msgspec.Struct):
    code: str = ""


class _Error(msgspec.Struct):
    code: int = 0
    data: _Data = msgspec.field(default_factory=_Data)


class _Result(msgspec.Struct, rename="camel"):
    stop_reason: str = ""


class _Answer(msgspec.Struct):
    result: _Result | None = None
    error: _Error | None = None


_UNKNOWN: Final = "unknown"


def outcome_of(answer: Mapping[str, object]) -> str:
    """An answer in a word: the stop reason, or the error's code."""
    try:
        read = msgspec.convert(answer, _Answer)
    except msgspec.ValidationError:
        return _UNKNOWN
    if read.error is not None:
        return read.error.data.code or str(read.error.code)
    return read.result.stop_reason if read.result is not None else _UNKNOWN
