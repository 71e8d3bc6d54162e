"""Where sessions and workers are: the ledger's answers, held back while they may be wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from actors import errors
from actors.capacity.ledger import Ledger, Place

SETTLE_S = 3.0
"""How long fresh books say that they do not know yet: within it, every worker has reported."""
PROBE_LIMIT_S = 1.0


class Whereabouts:
    """Asks the ledger, and finds out whether a worker is dead before it says so.

    ``clock`` tells seconds; the ledger's times are its.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._began_at = clock()

    def locate(self, session_id: str) -> Place:
        """See ``Ledger.locate``; fresh books give no new places, as they do not know yet what is where."""
        return self.find(session_id) or self._ledger.locate(session_id, self._clock())

    def find(self, session_id: str) -> Place | None:
        """See ``Ledger.find``. Raises WorkerUnavailableError if the books are too fresh to know."""
        place = self._ledger.find(session_id)
        if place is None:
            self._check_settled()
        return place

    def whereis(self, life: str) -> Place | None:
        """See ``Ledger.whereis``; None means that the worker is dead for sure.

        Raises WorkerUnavailableError if the books are too fresh to know.
        """
        place = self._ledger.whereis(life)
        if place is None:
            self._check_settled()
            self._ledger.forget(life)  # who is told so acts on it, so it has to stay true
        return place

    async def relocate(self, session_ids: list[str], lost: str) -> dict[str, Place]:
        """See ``Ledger.relocate``. A worker counts as dead if nothing was heard of it for a while, or if its
        port takes no connection within a second.
        """
        place = self.whereis(lost)
        if place is not None and not await self._is_alive(place):
            self._ledger.forget(lost)
        return self._ledger.relocate(session_ids, lost, self._clock())

    async def _is_alive(self, place: Place) -> bool:
        return self._ledger.is_heard(place.life, self._clock()) and await _takes_connections(place)

    def _check_settled(self) -> None:
        if self._clock() - self._began_at < SETTLE_S:
            raise errors.WorkerUnavailableError("the workers have not reported yet", 1.0)


async def _takes_connections(place: Place) -> bool:
    try:
        async with asyncio.timeout(PROBE_LIMIT_S):
            _, writer = await asyncio.open_connection(place.host, place.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
