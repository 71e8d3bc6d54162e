"""What a worker has written since it last told the projector: names only, and each once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from actors.journal.contract import AppendResult

MOST: Final = 20_000
"""Two for each session of a worker. What does not get in is found when all streams are compared."""


class ChangedStreams:
    """Gathers the streams of commits: a commit adds to a set, an update costs nothing."""

    def __init__(self) -> None:
        self._streams: set[str] = set()

    def note(self, results: Sequence[AppendResult]) -> None:
        """A commit is done."""
        if len(self._streams) < MOST:
            self._streams.update([result.stream for result in results])

    def take(self) -> list[str]:
        """The streams that have changed since it was last asked."""
        taken, self._streams = self._streams, set()
        return list(taken)

    def put_back(self, streams: Iterable[str]) -> None:
        """The projector could not be told of these."""
        if len(self._streams) < MOST:
            self._streams.update(streams)
